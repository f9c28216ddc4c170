package page_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"pkgd.io/pkgd/internal/needs"
)

// Limits, wide enough for a machine that has much else to do.
const (
	startLimit  = time.Minute      // for the browser to come up, three times
	windowLimit = 2 * time.Minute  // for all that a test does in one window
	waitLimit   = time.Minute      // for something to become true
	closeLimit  = 20 * time.Second // for the browser to go by itself
)

// chrome is the one browser of all tests, started by the first that wants it.
var chrome struct {
	once sync.Once
	ctx  context.Context // nil: it did not start
	stop context.CancelFunc
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

// browser is the context in which windows are opened. The test is skipped where
// there is no browser.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := needs.Program(t, "chromium", "chromium")
	chrome.once.Do(func() {
		for range 3 {
			if chrome.err = startBrowser(path); chrome.err == nil {
				return
			}
		}
	})
	if chrome.err != nil {
		t.Fatalf("the browser does not start: %v", chrome.err)
	}
	return chrome.ctx
}

// startBrowser starts a browser with a new profile, which goes when it goes.
func startBrowser(path string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	allocator, kill := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	late := time.AfterFunc(startLimit, kill)
	err := chromedp.Do(ctx)
	if !late.Stop() {
		err = errors.Join(err, fmt.Errorf("it did not answer within %v", startLimit))
	}
	if err != nil {
		cancel()
		kill()
		return err
	}
	chrome.ctx, chrome.stop = ctx, kill
	return nil
}

// stopBrowser lets the browser go by itself, and kills it when it does not.
func stopBrowser() {
	if chrome.ctx == nil {
		return
	}
	ctx, cancel := context.WithTimeout(chrome.ctx, closeLimit)
	defer cancel()
	late := time.AfterFunc(closeLimit, chrome.stop)
	defer late.Stop()
	if err := chromedp.Cancel(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "the browser did not go by itself:", err)
	}
	chrome.stop()
}
