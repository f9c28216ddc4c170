package page_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"pkgd.io/pkgd/internal/needs"
)

// axe is the text of axe-core, which is to be had where npm is.
func axe(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), windowLimit)
	defer cancel()
	var errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "./axe")
	cmd.Stderr = &errs
	path, err := cmd.Output()
	if err != nil {
		needs.Missing(t, strings.TrimSpace(errs.String()))
	}
	text, err := os.ReadFile(strings.TrimSpace(string(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNobodyIsShutOut has axe-core, with all of its rules, look at each scene on
// a phone and on a wide screen, by day and by night: as it is entered, with every
// story told, and after the connection is lost.
func TestNobodyIsShutOut(t *testing.T) {
	script := axe(t)
	houses := map[string]*house{}
	for scene, furnish := range scenes {
		if scene == "many" { // of two hundred each look would take half a minute
			furnish = func(h *house) { h.furnishMany(40) }
		}
		houses[scene] = furnished(t, furnish)
	}
	lost := serve(t, "mixed")
	for _, name := range []string{"light", "dark", "phone", "night"} {
		t.Run(name, func(t *testing.T) {
			l := looks[name]
			l.complains = true // of the house that is gone
			win := newWindow(t, l)
			for scene, h := range houses {
				enter(t, win, h)
				live(t, win)
				do(t, win, chromedp.Evaluate[chromedp.Void](script))
				wantNone(t, scene, violations(t, win))
				do(t, win, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
				wantNone(t, scene+", told in full", violations(t, win))
			}
			lost.answers(true)
			enter(t, win, lost)
			live(t, win)
			lost.answers(false)
			eventually(t, win, `!document.getElementById("lost").hidden`)
			do(t, win, chromedp.Evaluate[chromedp.Void](script))
			wantNone(t, "lost", violations(t, win))
		})
	}
}

// violations are those that axe-core finds, each with a part of the page that has
// it. Fewer rules that were met than any scene meets are one too.
func violations(t *testing.T, win context.Context) []string {
	t.Helper()
	list, err := chromedp.Run(win, chromedp.Evaluate[[]string](`axe.run().then(r =>
		(r.passes.length < 20 ? ["only " + r.passes.length + " rules were met"] : []).concat(
			r.violations.map(v => v.id + ": " + v.help + ", in " + v.nodes.length + " places: " + v.nodes[0].html)))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return list
}
