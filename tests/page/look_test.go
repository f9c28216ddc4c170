package page_test

import (
	"context"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// looks are the ways in which people look.
var looks = map[string]look{
	"light":     {theme: "light", width: 1280, height: 900},
	"dark":      {theme: "dark", width: 1280, height: 900},
	"phone":     {theme: "light", width: 360, height: 740},
	"night":     {theme: "dark", width: 360, height: 740},
	"tablet":    {theme: "light", width: 840, height: 1100},
	"wall":      {theme: "dark", width: 1920, height: 1080},
	"big-wall":  {theme: "dark", width: 3840, height: 2160},
	"no-script": {theme: "light", width: 1280, height: 900, noScript: true},
}

// serve is a house furnished as a scene says, with its page.
func serve(t *testing.T, scene string) *house {
	t.Helper()
	return furnished(t, scenes[scene])
}

func furnished(t *testing.T, furnish func(*house)) *house {
	t.Helper()
	h := newHouse(t)
	furnish(h)
	h.run(t)
	return h
}

// open shows the page of a house with packages of all kinds.
func open(t *testing.T, l look) (*house, context.Context) {
	t.Helper()
	h := serve(t, "mixed")
	win := newWindow(t, l)
	enter(t, win, h)
	return h, win
}

func enter(t *testing.T, win context.Context, h *house) {
	t.Helper()
	do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#headline"))
}

// live waits until the page is.
func live(t *testing.T, win context.Context) {
	t.Helper()
	eventually(t, win, `document.documentElement.classList.contains("is-live")`)
}

// TestEverySceneFitsEveryLook shows the scenes that are hard to fit in every
// look, and the others in the two that differ most, or in all for screenshots.
func TestEverySceneFitsEveryLook(t *testing.T) {
	houses := map[string]*house{}
	for scene := range scenes {
		houses[scene] = serve(t, scene)
	}
	for name, l := range looks {
		t.Run(name, func(t *testing.T) {
			win := newWindow(t, l)
			for scene, h := range houses {
				hard := scene == "mixed" || scene == "long"
				if !hard && name != "light" && name != "phone" && os.Getenv("PKGD_SCREENSHOTS") == "" {
					continue
				}
				enter(t, win, h)
				if !l.noScript {
					live(t, win)
				}
				shoot(t, win, scene+"-"+name)
				for _, fault := range eval[[]string](t, win, misfits) {
					t.Errorf("%s: %s", scene, fault)
				}
			}
		})
	}
}

// misfits lists what does not fit: a page wider than the window, texts that are
// cut off or lie outside, texts that cover each other.
const misfits = `(() => {
	const bad = [], over = document.documentElement.scrollWidth - innerWidth;
	if (over > 0) bad.push("the page is " + over + " pixels wider than the window");
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange();
	const boxes = [];
	while (texts.nextNode()) {
		const el = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
		if (!text || !el.checkVisibility() || el.closest("svg, .hidden, noscript, .skip, thead") || getComputedStyle(el).clipPath !== "none") continue;
		range.selectNodeContents(texts.currentNode);
		const box = range.getBoundingClientRect(), cell = el.closest("th, td, li, dd, p, h1, h2")?.getBoundingClientRect();
		if (box.left < 0 || box.right > innerWidth + 0.5) bad.push("outside: " + text);
		if (cell && box.right > cell.right + 1) bad.push("wider than its place: " + text);
		const clamped = el.closest(".reason");
		if (clamped && clamped.scrollHeight > clamped.clientHeight + 1 && !el.closest("tbody").querySelector(".story")?.textContent.includes(text)) bad.push("cut off and told nowhere: " + text);
	}
	return bad;
})()`

func TestTheHostsLevelIsSeenAtAGlance(t *testing.T) {
	h, win := open(t, looks["wall"])
	for _, want := range []struct{ expression, why string }{
		{`document.querySelector("#level .word").textContent === "FAULT"`, "the level is not told in a word"},
		{`document.getElementById("headline").textContent === "2 of 6 packages need help"`, "nor in a sentence"},
		{`document.querySelector(".seal").getBoundingClientRect().width >= 120`, "its sign cannot be seen from afar"},
		{`document.getElementById("level").getBoundingClientRect().bottom < innerHeight / 2`, "it is not in the upper half"},
		{`parseFloat(getComputedStyle(document.getElementById("headline")).fontSize) >= 72`, "the headline cannot be read from afar"},
		{`parseFloat(getComputedStyle(document.querySelector(".name")).fontSize) >= 22`, "names cannot be read from afar"},
		{`document.querySelector("tbody .name").textContent === "db"`, "the worst does not come first"},
		{`document.querySelectorAll("tbody").length === 7`, "not each package has a row"},
	} {
		if !eval[bool](t, win, want.expression) {
			t.Error(want.why)
		}
	}
	red := eval[string](t, win, `getComputedStyle(document.documentElement).borderTopColor`)
	for _, name := range []string{"web", "db", "mail", "queue"} {
		h.turns(name, "active", "", "")
	}
	eventually(t, win, `document.querySelector("#level .word").textContent === "OK"`)
	if now := eval[string](t, win, `getComputedStyle(document.documentElement).borderTopColor`); now == red {
		t.Errorf("the colour of the page is %s as before", now)
	}
}

func TestARowTellsTheLastChangeAndWhyItWasTakenBack(t *testing.T) {
	_, win := open(t, plain)
	change := eval[string](t, win, `document.querySelector("#package-web .change").innerText`)
	wantAll(t, change, "taken back", "3 days ago", "1.4.2 → 1.5.0 → 1.4.2", "schema-too-new: Schema 42 is newer than this program")
	wantAll(t, eval[string](t, win, `document.querySelector("#package-db .change").innerText`), "refreshed", "15.1 → 15.2")
}

func TestWithoutAScriptThePageIsComplete(t *testing.T) {
	_, win := open(t, looks["no-script"])
	do(t, win, chromedp.Click("#package-web summary"), chromedp.WaitVisible("#package-web .story"))
	story := eval[string](t, win, `document.querySelector("#package-web .story").innerText`)
	wantAll(t, story, "taken back", "schema-too-new: Schema 42 is newer than this program", "so the refresh is to blame", "Refused", "0.08 s of it without services")
	if silent := eval[int](t, win, `[...document.querySelectorAll("rect.span")].filter(s => s.querySelector("title")?.textContent !== s.getAttribute("aria-label")).length`); silent > 0 {
		t.Errorf("%d spans do not tell what they are when pointed at", silent)
	}
	if live := eval[string](t, win, `document.getElementById("live").innerText`); live[:5] != "As of" {
		t.Errorf("it says %q, and is not live", live)
	}
	if !eval[bool](t, win, `document.querySelector("footer noscript a")?.checkVisibility() ?? false`) {
		t.Error("nothing offers to look again")
	}
}
