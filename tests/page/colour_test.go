package page_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestEverythingCanBeRead holds the colours of all text to WCAG's 4.5 to 1, and
// those of all signs and spans to 3 to 1, also while the connection is lost.
func TestEverythingCanBeRead(t *testing.T) {
	for _, theme := range []string{"light", "dark"} {
		t.Run(theme, func(t *testing.T) {
			win := newWindow(t, look{theme: theme, width: 1280, height: 900, complains: true})
			for _, scene := range []string{"mixed", "stale"} {
				h := serve(t, scene)
				enter(t, win, h)
				live(t, win)
				do(t, win, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
				shoot(t, win, "stories-"+scene+"-"+theme)
				wantNone(t, scene, eval[[]string](t, win, faint))
				h.answers(false)
				eventually(t, win, `!document.getElementById("lost").hidden`)
				wantNone(t, scene+", lost", eval[[]string](t, win, faint))
			}
		})
	}
}

func wantNone(t *testing.T, where string, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Errorf("%s: %s", where, fault)
	}
}

// faint lists what stands out too little from what is behind it.
const faint = `(() => {
	const rgb = (c) => { const n = c.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
	const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const light = (c) => {
		const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (el) => {
		for (; el; el = el.parentElement) {
			const c = rgb(getComputedStyle(el).backgroundColor);
			if (c[3] === 1) return c;
		}
		throw new Error("nothing behind");
	};
	const seen = (el, colour) => {
		const c = rgb(colour), ground = behind(el);
		for (let e = el; e; e = e.parentElement) c[3] *= getComputedStyle(e).opacity;
		const [a, b] = [light(over(c, ground)), light(ground)].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05);
	};
	const bad = [];
	let texts = 0, shapes = 0;
	const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (all.nextNode()) {
		const el = all.currentNode.parentElement, text = all.currentNode.textContent.trim();
		if (!text || !el.checkVisibility() || el.closest("svg, .hidden, noscript, .skip")) continue;
		const ratio = seen(el, getComputedStyle(el).color);
		texts++;
		if (ratio < 4.5) bad.push(text + ": " + ratio.toFixed(2) + " to 1");
	}
	for (const el of document.querySelectorAll("rect.span, svg.sign, svg.seal")) {
		const style = getComputedStyle(el), seal = el.matches(".seal");
		const ratio = seen(seal ? el.parentElement : el, seal ? style.backgroundColor : el.matches("rect") ? style.fill : style.color);
		shapes++;
		if (ratio < 3) bad.push((el.getAttribute("aria-label") || el.getAttribute("class")) + ": " + ratio.toFixed(2) + " to 1");
	}
	return texts > 50 && shapes > 20 ? bad : ["only " + texts + " texts and " + shapes + " shapes were looked at"];
})()`

// TestColoursAreNotTheOnlySign: who sees none tells the statuses by their shapes
// and heights.
func TestColoursAreNotTheOnlySign(t *testing.T) {
	_, win := open(t, plain)
	for _, pair := range [][2]string{{"error", "active"}, {"blocked", "error"}, {"waiting", "active"}, {"maintenance", "active"}} {
		for _, sign := range []string{
			`document.getElementById("NAME").innerHTML`,
			`document.querySelector("rect.s-NAME").getAttribute("height")`,
		} {
			one, other := evalFor(t, win, sign, pair[0]), evalFor(t, win, sign, pair[1])
			if one == other {
				t.Errorf("%s and %s look the same: %s", pair[0], pair[1], one)
			}
		}
	}
}

func TestForcedColoursKeepEverySignVisible(t *testing.T) {
	forced := plain
	forced.colors = "active"
	_, win := open(t, forced)
	live(t, win)
	shoot(t, win, "forced-colors")
	wantNone(t, "forced colours", eval[[]string](t, win, `(() => {
		const bad = [], style = (selector) => getComputedStyle(document.querySelector(selector));
		const ground = style("html").backgroundColor;
		for (const el of document.querySelectorAll("rect.span")) {
			if (getComputedStyle(el).fill === ground) bad.push("a span cannot be seen: " + el.getAttribute("aria-label"));
		}
		for (const [cut, what, sign] of [["#FAULT .cut", "backgroundColor", ".seal"], ["#error .cut", "color", ".sign"]]) {
			const fill = style(sign)[what];
			if (style(cut).stroke === fill) bad.push(sign + " is a blot");
			if (fill === ground) bad.push(sign + " cannot be seen");
		}
		return bad;
	})()`))
}

func TestNothingMovesForWhoAsksForThat(t *testing.T) {
	for motion, want := range map[string]bool{"no-preference": true, "reduce": false} {
		still := plain
		still.motion = motion
		_, win := open(t, still)
		live(t, win)
		if moves := eval[int](t, win, `document.getAnimations().length`) > 0; moves != want {
			t.Errorf("%s: something moves: %v", motion, moves)
		}
	}
}

// TestOnPaperThePageIsLightAndCarriesItsHeadOnEverySheet prints by night.
func TestOnPaperThePageIsLightAndCarriesItsHeadOnEverySheet(t *testing.T) {
	paper := look{theme: "dark", width: 800, height: 1100, media: "print"}
	_, win := open(t, paper)
	shoot(t, win, "print")
	for expression, want := range map[string]string{
		`getComputedStyle(document.documentElement).backgroundColor`:                    "rgb(255, 255, 255)",
		`getComputedStyle(document.querySelector("tbody")).breakInside`:                 "avoid",
		`getComputedStyle(document.querySelector("thead")).display`:                     "table-header-group",
		`String(document.querySelector(".skip").checkVisibility())`:                     "false",
		`String(document.querySelector("details").checkVisibility())`:                   "false",
		`String(document.querySelector("#package-web .change").checkVisibility())`:      "true",
		`getComputedStyle(document.querySelector("#package-web .reason")).overflowWrap`: "anywhere",
	} {
		if got := eval[string](t, win, expression); got != want {
			t.Errorf("%s is %q, want %q", expression, got, want)
		}
	}
}
