package page_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

// looks are the ways in which people look.
var looks = map[string]look{
	"light":     {theme: "light", width: 1280, height: 900},
	"dark":      {theme: "dark", width: 1280, height: 900},
	"phone":     {theme: "light", width: 390, height: 844},
	"night":     {theme: "dark", width: 390, height: 844},
	"wall":      {theme: "dark", width: 2560, height: 1440},
	"no-script": {theme: "light", width: 1280, height: 900, noScript: true},
}

// open shows the page of a furnished house.
func open(t *testing.T, l look) (*house, context.Context) {
	t.Helper()
	h := newHouse(t)
	h.furnish()
	h.run(t, "schema-too-new")
	win := newWindow(t, l)
	do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#headline"))
	return h, win
}

func TestThePageFitsEveryLook(t *testing.T) {
	for name, l := range looks {
		t.Run(name, func(t *testing.T) {
			_, win := open(t, l)
			shoot(t, win, name)
			if over := eval[int](t, win, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("the page is %d pixels wider than the window", over)
			}
			if n := eval[int](t, win, `[...document.querySelectorAll("tbody")].filter(p => p.getClientRects().length).length`); n != 7 {
				t.Errorf("%d packages are seen, want 7", n)
			}
			if first := eval[string](t, win, `document.querySelector("tbody .name").textContent`); first != "db" {
				t.Errorf("%s comes first, want db: the worst", first)
			}
		})
	}
}

// TestEverythingCanBeRead holds the colours of all text to WCAG's 4.5 to 1.
func TestEverythingCanBeRead(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		t.Run(theme, func(t *testing.T) {
			_, win := open(t, look{theme: theme, width: 1280, height: 900})
			do(t, win, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
			shoot(t, win, "stories-"+theme)
			for _, text := range eval[[]string](t, win, faint) {
				t.Error(text)
			}
		})
	}
}

// faint lists the texts that stand out too little from what is behind them.
const faint = `(() => {
	const rgb = (c) => c.match(/[\d.]+/g).map(Number);
	const light = (c) => {
		const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (el) => {
		for (; el; el = el.parentElement) {
			const c = rgb(getComputedStyle(el).backgroundColor);
			if (c.length === 3 || c[3] === 1) return c;
		}
		throw new Error("nothing behind");
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), bad = [];
	let n = 0;
	while (texts.nextNode()) {
		const el = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
		if (!text || !el.checkVisibility() || el.closest("svg, .hidden, noscript")) continue;
		const [a, b] = [light(rgb(getComputedStyle(el).color)), light(behind(el))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		n++;
		if (ratio < 4.5) bad.push(text + ": " + ratio.toFixed(2) + " to 1");
	}
	return n > 50 ? bad : ["only " + n + " texts were looked at"];
})()`

func TestAStoryOpensWithoutAScript(t *testing.T) {
	_, win := open(t, look{theme: "light", width: 1280, height: 900, noScript: true})
	do(t, win, chromedp.Click("#package-web summary"), chromedp.WaitVisible("#package-web .story"))
	story := eval[string](t, win, `document.querySelector("#package-web .story").innerText`)
	wantAll(t, story, "taken back", "schema-too-new: Schema 42 is newer than this program", "the refresh broke it", "Refused", "0.08 s of it without services")
	if tips := eval[int](t, win, `document.querySelectorAll("rect.span > title").length`); tips == 0 {
		t.Error("no span tells what it is when pointed at")
	}
	if live := eval[string](t, win, `document.getElementById("live").innerText`); live[:5] != "As of" {
		t.Errorf("it says %q, and is not live", live)
	}
}
