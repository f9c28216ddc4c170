package statuspage_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// zebra is a package of which every word can be found again.
func zebra() *fakeHost {
	at := time.Now().Add(-time.Hour)
	h := newFakeHost(api.Record{
		Package: "zebra", Version: "1.2.3-zebra", Status: "blocked", Code: "code-of-now", Message: "message of now",
		Since: &at, CheckedAt: &at, Blockers: []string{"blocker-of-it"},
		Checks: []api.Check{{Name: "check-of-it", Health: "fail", Message: "message of check"}},
	})
	h.past["zebra"] = []api.Transition{{At: at, Package: "zebra", From: "active", To: "blocked", Code: "code-of-past", Message: "message of past"}}
	h.whys["zebra"] = api.Why{
		Package: "zebra", Kind: "refresh", FromVersion: "1.0-from", ToVersion: "2.0-to", Outcome: api.OutcomeFailed, Error: "error of change",
		After: &api.Record{Status: "error", Code: "code-of-after"}, HookOutput: "output of hook", At: at,
		CheckDiff: []api.CheckDiff{{Name: "check-of-diff", After: "fail", Message: "message of diff"}},
	}
	return h
}

// learned is all that a caller can learn who may learn what expose says.
func learned(t *testing.T, expose string) (text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPage(zebra())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.Run(ctx) })
		synctest.Wait()
		for _, path := range []string{"/", "/events"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
			wg.Go(func() { p.Serve(w, r, expose) })
			synctest.Wait()
			text += w.Body.String()
		}
		cancel()
		wg.Wait()
	})
	return text
}

func TestACallerLearnsNoMoreThanIsExposed(t *testing.T) {
	fromNames := []string{"zebra", "host-of-zebra"}
	fromFull := []string{
		"1.2.3-zebra", "code-of-now", "message of now", "blocker-of-it", "check-of-it", "message of check",
		"code-of-past", "message of past", "1.0-from", "2.0-to", "error of change", "code-of-after",
		"check-of-diff", "message of diff", "9.8.7-pkgd",
	}
	for expose, may := range map[string]struct{ names, full bool }{
		"counts": {}, "": {}, "everything": {}, "names": {names: true}, "full": {names: true, full: true},
	} {
		text := learned(t, expose)
		if !strings.Contains(text, "FAULT") || !strings.Contains(text, `"blocked":1`) {
			t.Errorf("%q: level and counts are missing:\n%s", expose, text)
		}
		for _, word := range fromNames {
			if got := strings.Contains(text, word); got != may.names {
				t.Errorf("%q: %q is told: %v", expose, word, got)
			}
		}
		for _, word := range fromFull {
			if got := strings.Contains(text, word); got != may.full {
				t.Errorf("%q: %q is told: %v", expose, word, got)
			}
		}
		if strings.Contains(text, "output of hook") {
			t.Errorf("%q: what a hook printed is told", expose)
		}
	}
}
