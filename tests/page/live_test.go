package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var plain = look{theme: "light", width: 1280, height: 900}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("missing %q in:\n%s", part, text)
		}
	}
}

func TestThePageFollowsWhatHappens(t *testing.T) {
	h, win := open(t, plain)
	live(t, win)
	do(t, win, chromedp.Click("#package-web summary"), chromedp.WaitVisible("#package-web .story"))

	h.turns("web", "blocked", "key-lost", "Somebody has to find the key")
	eventually(t, win, `document.querySelector("#package-web .now").innerText.includes("key-lost")`)
	if !eval[bool](t, win, `document.querySelector("#package-web details").open`) {
		t.Error("the story that was open is closed")
	}
	eventually(t, win, `document.querySelector("#package-web .history").innerText.includes("key-lost")`)

	h.turns("web", "active", "", "")
	h.turns("db", "active", "", "")
	h.turns("mail", "active", "", "")
	h.turns("queue", "active", "", "")
	eventually(t, win, `document.getElementById("headline").textContent === "All 6 packages are well"`)
	shoot(t, win, "well")
	if title := eval[string](t, win, `document.title`); title != "OK · harbour-01 · pkgd" {
		t.Errorf("the title is %q", title)
	}
	if said := eval[string](t, win, `document.getElementById("said").textContent`); said != "OK: All 6 packages are well" {
		t.Errorf("a screen reader is told %q", said)
	}
	if icon := eval[string](t, win, `document.querySelector("link[rel=icon]").href`); !strings.HasSuffix(icon, "/ok.svg") {
		t.Errorf("the icon is %s", icon)
	}
}

func TestAPackageThatComesAndOneThatGoesAreSeen(t *testing.T) {
	h, win := open(t, plain)
	h.has("extra", "2.0", was(0, "active"))
	h.goes("cache")
	h.turns("web", "active", "again", "")
	eventually(t, win, `document.getElementById("package-extra") && !document.getElementById("package-cache")`)
}

func TestThePointerFindsEvenAThinSpan(t *testing.T) {
	_, win := open(t, plain)
	do(t, win, chromedp.ScrollIntoView("#package-web"))
	at := eval[[]float64](t, win, `(() => { const r = document.querySelector("#package-web rect.s-error").getBoundingClientRect(); return [r.right + 2, r.bottom - 3]; })()`)
	do(t, win, chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	eventually(t, win, `document.querySelector(".tip").innerText.includes("schema-too-new")`)
}

// TestWhatDidNotChangeIsLeftAlone: neither what is focused nor what is read moves
// or is drawn anew when another package gets worse or better, and so goes up or
// down, in a page of two hundred.
func TestWhatDidNotChangeIsLeftAlone(t *testing.T) {
	h := serve(t, "many")
	win := newWindow(t, plain)
	enter(t, win, h)
	live(t, win)
	do(t, win,
		chromedp.Click("#package-service-100 summary"),
		chromedp.Evaluate[chromedp.Void](`
			document.querySelector("#package-service-100 rect[tabindex='0']").focus();
			window.kept = document.activeElement, window.blurred = 0;
			kept.addEventListener("blur", () => blurred++);
			document.querySelectorAll("tbody").forEach(b => b.kept = true);`))
	for _, step := range []struct{ name, status, first string }{
		{"service-150", "error", "service-007"},
		{"service-007", "active", "service-057"},
		{"service-000", "error", "service-000"},
		{"service-000", "active", "service-057"},
	} {
		h.turns(step.name, step.status, "", "")
		eventually(t, win, `document.querySelector("#package-`+step.name+` .status").textContent === "`+step.status+`" && document.querySelector("tbody").id === "package-`+step.first+`"`)
		if !eval[bool](t, win, `document.activeElement === kept && blurred === 0`) {
			t.Errorf("%s turns %s: the focus is lost", step.name, step.status)
		}
	}
	if anew := eval[int](t, win, `[...document.querySelectorAll("tbody")].filter(b => !b.kept).length`); anew != 3 {
		t.Errorf("%d rows were drawn anew, want the 3 that changed", anew)
	}
	if !eval[bool](t, win, `document.querySelector("#package-service-100 details").open`) {
		t.Error("the story that was open is closed")
	}
	if rows := eval[[]string](t, win, `[...document.querySelectorAll("tbody")].map(b => b.id)`); len(rows) != 200 {
		t.Errorf("%d rows, want 200", len(rows))
	}
	drawn := eval[[]string](t, win, `[...document.querySelectorAll("tbody")].map(b => b.id)`)
	do(t, win, chromedp.Reload())
	live(t, win)
	if fresh := eval[[]string](t, win, `[...document.querySelectorAll("tbody")].map(b => b.id)`); !slices.Equal(drawn, fresh) {
		t.Errorf("the rows stand otherwise than in a new page:\n%v\n%v", drawn, fresh)
	}
}

// TestTheFocusStaysInARowThatChanges: on the same span of the bar, which is a
// new one.
func TestTheFocusStaysInARowThatChanges(t *testing.T) {
	h, win := open(t, plain)
	live(t, win)
	do(t, win, chromedp.Focus("#package-web summary"))
	h.turns("web", "error", "port-taken", "")
	eventually(t, win, `document.querySelector("#package-web .now").innerText.includes("port-taken")`)
	if at := eval[string](t, win, `document.activeElement.localName + " " + document.activeElement.closest("tbody")?.id`); at != "summary package-web" {
		t.Errorf("the focus is on %s", at)
	}
}

func TestAPageThatHearsNothingMoreSaysSoUntilItDoes(t *testing.T) {
	lonely := plain
	lonely.complains = true
	h, win := open(t, lonely)
	live(t, win)
	h.answers(false)
	eventually(t, win, `!document.getElementById("lost").hidden`)
	wantAll(t, eval[string](t, win, `document.getElementById("lost").innerText`), "does not answer", "may be wrong by now")
	if eval[bool](t, win, `document.documentElement.classList.contains("is-live")`) {
		t.Error("it says that it is live")
	}
	alert := slices.ContainsFunc(nodes(t, win), func(n node) bool { return n.role == "alert" })
	if !alert {
		t.Error("a screen reader is not told")
	}
	shoot(t, win, "lost")
	h.answers(true)
	eventually(t, win, `document.getElementById("lost").hidden && document.documentElement.classList.contains("is-live")`)
}

// TestNoScriptOrStyleButThePagesOwnRuns: the browser itself refuses others.
func TestNoScriptOrStyleButThePagesOwnRuns(t *testing.T) {
	open := plain
	open.complains = true
	h := serve(t, "mixed")
	win := newWindow(t, open)
	enter(t, win, h)
	do(t, win, chromedp.Evaluate[chromedp.Void](`
		const script = document.createElement("script");
		script.textContent = "document.title = 'caught'";
		document.head.append(script);
		const style = document.createElement("style");
		style.textContent = "h1 { display: none }";
		document.head.append(style);
		document.body.insertAdjacentHTML("beforeend", "<p id='inline' style='position: fixed' onclick='document.title = 1'>x</p>");
		document.getElementById("inline").click();`))
	if got := eval[string](t, win, `document.title[0] + getComputedStyle(document.querySelector("h1")).display + getComputedStyle(document.getElementById("inline")).position`); got != "Fblockstatic" {
		t.Errorf("something of it ran: %s", got)
	}
}

func TestThePageTellsOnlyWhatIsExposed(t *testing.T) {
	h := serve(t, "mixed")
	win := newWindow(t, plain)
	for expose, want := range map[string]struct{ rows, words bool }{"counts": {}, "names": {rows: true}, "full": {rows: true, words: true}} {
		h.exposes(expose)
		do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#headline"))
		live(t, win)
		shoot(t, win, "expose-"+expose)
		text := eval[string](t, win, `document.documentElement.outerHTML`) + fmt.Sprint(nodes(t, win)) + h.firstEvent(t)
		if got := strings.Contains(text, "mail") || strings.Contains(text, "harbour-01"); got != want.rows {
			t.Errorf("%s: names are told: %v", expose, got)
		}
		if got := strings.Contains(text, "schema-too-new"); got != want.words {
			t.Errorf("%s: reasons are told: %v", expose, got)
		}
		if strings.Contains(text, "a secret that hooks print") {
			t.Errorf("%s: what a hook printed is told", expose)
		}
	}
}

func TestAPackagesWordsAreOnlyWords(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.has("odd", "1", was(1, "error", "evil-words", `<script>document.title="caught"</script><b style="color:red">"'&`))
	h.run(t)
	win := newWindow(t, plain)
	do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#package-odd"))
	live(t, win)
	do(t, win, chromedp.Focus("#package-odd rect[tabindex='0']"))
	wantAll(t, eval[string](t, win, `document.querySelector(".tip").innerText`), `<script>document.title="caught"</script>`)
	if title := eval[string](t, win, `document.title`); !strings.HasPrefix(title, "FAULT") {
		t.Errorf("a package's words ran as a script: the title is %q", title)
	}
}
