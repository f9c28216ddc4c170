package hookrunner_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"pkgd.io/pkgd/hookrunner"
)

func TestCookieNamesWhoSpeaks(t *testing.T) {
	cs := hookrunner.NewContexts()
	c, cookie, err := cs.Open(hookrunner.Spec{
		Package: "web", Revision: 3, Hook: "check-health", Phase: hookrunner.PhaseRest, UID: 7, Ephemeral: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := cs.Lookup(cookie, 7)
	if err != nil || got != c {
		t.Fatalf("found %v, %v", got, err)
	}
	if got.Package() != "web" || got.Revision() != 3 || got.Hook() != "check-health" ||
		got.Phase() != hookrunner.PhaseRest || got.UID() != 7 || !got.Ephemeral() || got.App() != "" {
		t.Errorf("%+v", got)
	}
}

func TestCookieIsRefused(t *testing.T) {
	cs := hookrunner.NewContexts()
	c, cookie, err := cs.Open(hookrunner.Spec{Package: "web", UID: 7})
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		cookie string
		uid    uint32
		want   error
	}{
		"when there is none":          {"", 7, hookrunner.ErrNoCookie},
		"when it was never one":       {"00", 7, hookrunner.ErrDeadCookie},
		"when it is the stored hash":  {hookrunner.Hash(cookie), 7, hookrunner.ErrDeadCookie},
		"from another user's process": {cookie, 8, hookrunner.ErrForeignUID},
		"from root, too":              {cookie, 0, hookrunner.ErrForeignUID},
	} {
		if _, err := cs.Lookup(x.cookie, x.uid); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	c.Close()
	c.Close()
	if _, err := cs.Lookup(cookie, 7); !errors.Is(err, hookrunner.ErrDeadCookie) {
		t.Errorf("after its end: %v", err)
	}
	if cs.Len() != 0 {
		t.Errorf("%d cookies are kept", cs.Len())
	}
}

func TestStoredHashMakesACookieValidAgain(t *testing.T) {
	first := hookrunner.NewContexts()
	_, cookie, err := first.Open(hookrunner.Spec{Package: "web", App: "server"})
	if err != nil {
		t.Fatal(err)
	}
	second := hookrunner.NewContexts()
	old := second.OpenHashed(second.Hash(cookie), hookrunner.Spec{Package: "web", App: "server", Revision: 1})
	now := second.OpenHashed(second.Hash(cookie), hookrunner.Spec{Package: "web", App: "server", Revision: 2})
	if got, err := second.Lookup(cookie, 0); err != nil || got != now {
		t.Errorf("found %v, %v", got, err)
	}
	if err := old.Update(func(hookrunner.Values) error { return nil }); !errors.Is(err, hookrunner.ErrContextClosed) {
		t.Errorf("the one it replaced: %v", err)
	}
	old.Close()
	if _, err := second.Lookup(cookie, 0); err != nil {
		t.Errorf("its close took the new one along: %v", err)
	}
}

func TestUpdatesOfOneRunNeverInterleave(t *testing.T) {
	c, _, err := hookrunner.NewContexts().Open(hookrunner.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				_ = c.Update(func(v hookrunner.Values) error {
					n, _ := v["n"].(int)
					v["n"] = n + 1
					return nil
				})
			}
		})
	}
	wg.Wait()
	c.Close()
	c.View(func(v hookrunner.Values) {
		if v["n"] != 4000 {
			t.Errorf("counted %v", v["n"])
		}
	})
	if err := c.Update(func(hookrunner.Values) error { return nil }); !errors.Is(err, hookrunner.ErrContextClosed) {
		t.Errorf("after its end: %v", err)
	}
}

func TestCookieOfAHookLivesAsLongAsItsRun(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", `echo $PKG_COOKIE > $PKG_DATA/cookie; until [ -s $PKG_DATA/go ]; do sleep 0.02; done`)
	done := make(chan hookrunner.Result, 1)
	go func() { done <- h.run(context.Background(), hookrunner.Run{Package: p, Phase: hookrunner.PhaseAfter}) }()
	h.appears(p.Data + "/cookie")
	cookie := h.read(p.Data + "/cookie")
	c, err := h.r.Contexts().Lookup(cookie, uint32(os.Geteuid()))
	if err != nil {
		t.Fatal(err)
	}
	if c.Package() != "web" || c.Revision() != 7 || c.Hook() != "check-health" || c.Phase() != hookrunner.PhaseAfter || !c.Ephemeral() {
		t.Errorf("%+v", c)
	}
	if err := c.Update(func(v hookrunner.Values) error { v["said"] = "active"; return nil }); err != nil {
		t.Error(err)
	}
	h.write(p.Data+"/go", 0o644, "x\n")
	res := <-done
	if _, err := h.r.Contexts().Lookup(cookie, uint32(os.Geteuid())); !errors.Is(err, hookrunner.ErrDeadCookie) {
		t.Errorf("after the run: %v", err)
	}
	res.Context.View(func(v hookrunner.Values) {
		if v["said"] != "active" {
			t.Errorf("what it said is lost: %v", v)
		}
	})
}

func TestSharedContextOutlivesTheRuns(t *testing.T) {
	h := newHouse(t)
	c, cookie, err := h.r.Contexts().Open(hookrunner.Spec{Package: "web", Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	p := h.pkg("web", `echo $PKG_COOKIE`)
	for range 2 {
		res := h.run(context.Background(), hookrunner.Run{Package: p, Context: c})
		if strings.TrimSpace(string(res.Stdout)) != cookie || res.Context != c {
			t.Errorf("the run had cookie %s", res.Stdout)
		}
	}
	if _, err := h.r.Contexts().Lookup(cookie, 0); err != nil {
		t.Error(err)
	}
	c.Close()
}
