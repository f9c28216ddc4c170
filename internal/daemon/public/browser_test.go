package public_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"pkgd.io/pkgd/internal/api"
)

// browser starts Chromium with a profile of its own.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := program(t, "chromium", "chromium")
	profile, err := os.MkdirTemp("/tmp", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

func (b *bench) url() string { return "http://" + b.address() + "/" }

// see runs steps in the browser.
func see(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// learn runs one step and gives what it found.
func learn[T any](t *testing.T, ctx context.Context, step chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// keep saves a screenshot among the test's artifacts (go test -artifacts).
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	png := learn(t, ctx, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// theme makes the browser prefer light or dark.
func theme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// focused makes the page one that has the keyboard, as in a window in front.
func focused() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
}

func scripts(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

func TestPageInABrowser(t *testing.T) {
	h := lively()
	b := open(t, h, tcp(exposing("full")))
	b.read("schema-too-new")
	ctx := browser(t)

	t.Run("is read without JavaScript, in both themes and at every width", func(t *testing.T) {
		see(t, ctx, scripts(false))
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"phone", 360, 740}, {"desk", 1280, 900}, {"wall", 2560, 1440}} {
			for _, colours := range []string{"light", "dark"} {
				see(t, ctx, theme(colours), chromedp.EmulateViewport(size.width, size.height), chromedp.Navigate(b.url()))
				keep(t, ctx, size.name+"-"+colours)
				text := learn(t, ctx, chromedp.TextContent("main"))
				for _, want := range []string{"FAULT", "db", "disk-full", "reverted"} {
					if !strings.Contains(text, want) {
						t.Errorf("%s %s: %q is not to be read", size.name, colours, want)
					}
				}
			}
		}
		see(t, ctx, scripts(true))
	})

	t.Run("does not scroll sideways on a phone", func(t *testing.T) {
		see(t, ctx, chromedp.EmulateViewport(360, 740), chromedp.Navigate(b.url()))
		if width := learn(t, ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); width > 360 {
			t.Errorf("it is %d wide", width)
		}
	})

	t.Run("tells a transition to who focuses its span", func(t *testing.T) {
		see(t, ctx, chromedp.EmulateViewport(1280, 900), theme("light"), focused(), chromedp.Navigate(b.url()))
		shown := learn(t, ctx, chromedp.Evaluate[string](`(() => { const s = document.querySelector("#package-db .span.blocked"); s.focus(); const x = s.querySelector("text"); return getComputedStyle(x).visibility + " " + x.textContent })()`))
		if !strings.HasPrefix(shown, "visible blocked since ") || !strings.Contains(shown, "license-expired") {
			t.Errorf("got %q", shown)
		}
		keep(t, ctx, "focus")
	})

	t.Run("is live", func(t *testing.T) {
		see(t, ctx, chromedp.Navigate(b.url()), chromedp.WaitVisible("#package-db .status.error"))
		learn(t, ctx, chromedp.Poll[bool](`document.getElementById("live").textContent === "live"`))
		see(t, ctx, chromedp.Click("#package-db summary"))
		h.set([]api.Record{record("db", "active"), record("web", "active")})
		h.turn(api.Transition{Package: "db", From: "error", To: "active"})
		see(t, ctx, chromedp.WaitVisible("#package-db .status.active"), chromedp.WaitVisible("#package-db details[open]")) // what was open stays so
		learn(t, ctx, chromedp.Poll[bool](`document.title.startsWith("OK")`))
		if at := learn(t, ctx, chromedp.Evaluate[string](`document.activeElement.tagName + " of " + document.activeElement.closest("section").id`)); at != "SUMMARY of package-db" {
			t.Errorf("who reads by keyboard was taken to %s", at)
		}
		keep(t, ctx, "after")
	})
}
