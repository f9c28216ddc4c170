package page_test

import (
	"context"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// stop is where Tab has brought the focus, with what marks it.
type stop struct {
	Where string
	Seen  bool
}

const whereabouts = `(() => {
	const at = document.activeElement, style = getComputedStyle(at), part = at.closest("tbody")?.id.replace("package-", "") ?? "";
	const box = at.getBoundingClientRect();
	const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || at.matches("rect") && style.stroke !== "none" && parseFloat(style.strokeWidth) >= 2;
	return {
		Where: (at.className.baseVal ?? at.className ?? "").split(" ")[0] || at.localName + (part && " " + part),
		Seen: marked && box.top >= 0 && box.bottom <= innerHeight && box.width > 0,
	};
})()`

func press(t *testing.T, win context.Context, key string) {
	t.Helper()
	do(t, win, chromedp.KeyEvent(key))
}

func TestTheKeyboardGoesThroughThePageInItsOrder(t *testing.T) {
	for _, name := range []string{"light", "phone", "no-script"} {
		t.Run(name, func(t *testing.T) {
			_, win := open(t, looks[name])
			want := []string{"skip"}
			for range 6 {
				want = append(want, "span", "summary")
			}
			var got []string
			for i := range want {
				press(t, win, kb.Tab)
				at := eval[stop](t, win, whereabouts)
				got = append(got, firstWord(at.Where))
				if !at.Seen {
					t.Errorf("stop %d, %s: the focus cannot be seen", i, at.Where)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("Tab goes through %q, want %q", got, want)
			}
		})
	}
}

func firstWord(text string) string {
	for i, r := range text {
		if r == ' ' {
			return text[:i]
		}
	}
	return text
}

func TestTheKeyboardSkipsToThePackagesAndOpensAStory(t *testing.T) {
	_, win := open(t, plain)
	press(t, win, kb.Tab)
	press(t, win, kb.Enter)
	eventually(t, win, `document.activeElement.id === "packages"`)
	press(t, win, kb.Tab)
	press(t, win, kb.Tab)
	press(t, win, kb.Enter)
	eventually(t, win, `document.querySelector("#package-db details").open`)
	press(t, win, kb.Enter)
	eventually(t, win, `!document.querySelector("#package-db details").open`)
}

func TestTheKeyboardWalksABarAndHearsEachSpan(t *testing.T) {
	_, win := open(t, plain)
	live(t, win)
	do(t, win, chromedp.Focus("#package-db rect[tabindex='0']"))
	eventually(t, win, `!document.querySelector(".tip").hidden`)
	wantAll(t, eval[string](t, win, `document.querySelector(".tip").innerText`), "error since", "disk-full: No space left on /var")
	press(t, win, kb.ArrowLeft)
	press(t, win, kb.ArrowLeft)
	wantAll(t, eval[string](t, win, `document.activeElement.getAttribute("aria-label")`), "waiting", "replica-behind", "(2 days)")
	wantAll(t, eval[string](t, win, `document.querySelector(".tip").innerText`), "waiting", "replica-behind", "(2 days)")
	if stops := eval[int](t, win, `document.querySelectorAll("#package-db rect[tabindex='0']").length`); stops != 1 {
		t.Errorf("a bar has %d places where Tab stops, want 1", stops)
	}
	shoot(t, win, "tip")
	press(t, win, kb.Home)
	wantAll(t, eval[string](t, win, `document.activeElement.getAttribute("aria-label")`), "active, ")
	press(t, win, kb.End)
	wantAll(t, eval[string](t, win, `document.activeElement.getAttribute("aria-label")`), "error since")
	press(t, win, kb.Escape)
	if !eval[bool](t, win, `document.querySelector(".tip").hidden`) {
		t.Error("Escape does not take the tip away")
	}
}
