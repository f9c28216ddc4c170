package page_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// look is how a window looks at the page.
type look struct {
	theme         string // light or dark
	width, height int64
	noScript      bool
	complains     bool   // the browser may complain: pkgd is going to be gone
	media         string // "print" on paper; empty: a screen
	colors        string // "active": the person's own few colours are forced
	motion        string // "reduce": nothing shall move
}

// newWindow opens a window of its own profile, or skips the test where there is
// no browser. The browser finds nothing to complain of in any of them.
func newWindow(t *testing.T, l look) context.Context {
	t.Helper()
	bounded, cancel := context.WithTimeout(browser(t), windowLimit)
	ctx, _ := chromedp.NewContext(bounded, chromedp.WithNewBrowserContext())
	var wg sync.WaitGroup
	complaints := heed(ctx, &wg)
	t.Cleanup(func() {
		defer cancel()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the window: %v", err)
		}
		wg.Wait()
		for _, complaint := range *complaints {
			if !l.complains {
				t.Errorf("the browser complains: %s", complaint)
			}
		}
	})
	call(t, ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	do(t, ctx, chromedp.EmulateViewport(l.width, l.height))
	call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: l.media, Features: l.features()})
	call(t, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript})
	return ctx
}

func (l look) features() (list []*emulation.MediaFeature) {
	for name, value := range map[string]string{
		"prefers-color-scheme": l.theme, "forced-colors": l.colors, "prefers-reduced-motion": l.motion,
	} {
		if value != "" {
			list = append(list, &emulation.MediaFeature{Name: name, Value: value})
		}
	}
	return list
}

func call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// eval is what an expression comes to in the page, also where the page itself
// may run no script.
func eval[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// evalFor is eval of an expression about NAME.
func evalFor(t *testing.T, ctx context.Context, expression, name string) string {
	t.Helper()
	return eval[string](t, ctx, strings.ReplaceAll(expression, "NAME", name))
}

// eventually waits until an expression is true in the page.
func eventually(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	poll := chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(waitLimit))
	if err := chromedp.Do(ctx, poll); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}

// shoot keeps what the window shows, where somebody wants to see it.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PKGD_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// heed gathers what the browser complains of until the window is closed: scripts
// that fail, and what the page's policy forbids.
func heed(ctx context.Context, wg *sync.WaitGroup) (complaints *[]string) {
	complaints = new([]string)
	messages := chromedp.Console(ctx)
	wg.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			*complaints = append(*complaints, m.String())
		}
	})
	return complaints
}
