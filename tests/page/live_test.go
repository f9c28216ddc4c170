package page_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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
	eventually(t, win, `document.documentElement.classList.contains("is-live")`)
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

func TestTheKeyboardWalksABarAndHearsEachSpan(t *testing.T) {
	_, win := open(t, plain)
	if stops := eval[int](t, win, `document.querySelectorAll("#package-db rect[tabindex='0']").length`); stops != 1 {
		t.Errorf("a bar has %d places where Tab stops, want 1", stops)
	}
	do(t, win, chromedp.Focus("#package-db rect[tabindex='0']"))
	eventually(t, win, `!document.querySelector(".tip").hidden`)
	wantAll(t, eval[string](t, win, `document.querySelector(".tip").innerText`), "error since", "disk-full: No space left on /var")
	do(t, win, chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowLeft))
	wantAll(t, eval[string](t, win, `document.activeElement.getAttribute("aria-label")`), "waiting", "replica-behind", "(2 days)")
	shoot(t, win, "tip")
	do(t, win, chromedp.KeyEvent(kb.Escape))
	if !eval[bool](t, win, `document.querySelector(".tip").hidden`) {
		t.Error("Escape does not take the tip away")
	}
}

func TestThePointerFindsEvenAThinSpan(t *testing.T) {
	_, win := open(t, plain)
	do(t, win, chromedp.ScrollIntoView("#package-web"))
	at := eval[[]float64](t, win, `(() => { const r = document.querySelector("#package-web rect.s-error").getBoundingClientRect(); return [r.right + 2, r.bottom - 3]; })()`)
	do(t, win, chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	eventually(t, win, `document.querySelector(".tip").innerText.includes("schema-too-new")`)
}

func TestAPageThatHearsNothingMoreSaysSo(t *testing.T) {
	lonely := plain
	lonely.lonely = true
	h, win := open(t, lonely)
	eventually(t, win, `document.documentElement.classList.contains("is-live")`)
	h.close()
	eventually(t, win, `!document.getElementById("lost").hidden`)
	wantAll(t, eval[string](t, win, `document.getElementById("lost").innerText`), "does not answer", "may be wrong by now")
	shoot(t, win, "lost")
}

func TestThePageTellsOnlyWhatIsExposed(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.run(t, "schema-too-new")
	win := newWindow(t, plain)
	for expose, want := range map[string]struct{ rows, words bool }{"counts": {}, "names": {rows: true}, "full": {rows: true, words: true}} {
		h.exposes(expose)
		do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#headline"))
		eventually(t, win, `document.documentElement.classList.contains("is-live")`)
		shoot(t, win, "expose-"+expose)
		text := eval[string](t, win, `document.documentElement.outerHTML`)
		if got := strings.Contains(text, "mail"); got != want.rows {
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
	h.run(t, "schema-too-new")
	win := newWindow(t, plain)
	do(t, win, chromedp.Navigate(h.url), chromedp.WaitVisible("#package-odd"))
	eventually(t, win, `document.documentElement.classList.contains("is-live")`)
	do(t, win, chromedp.Focus("#package-odd rect[tabindex='0']"))
	wantAll(t, eval[string](t, win, `document.querySelector(".tip").innerText`), `<script>document.title="caught"</script>`)
	if title := eval[string](t, win, `document.title`); !strings.HasPrefix(title, "FAULT") {
		t.Errorf("a package's words ran as a script: the title is %q", title)
	}
}
