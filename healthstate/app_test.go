package healthstate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
)

// app is a service of a revision that speaks.
func (h *house) app(t *testing.T, name string, rev int) *hookrunner.Context {
	t.Helper()
	c, _, err := h.run.contexts.Open(hookrunner.Spec{Package: name, Revision: rev, App: "main"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// set is SetApp that must be accepted.
func (h *house) set(t *testing.T, c *hookrunner.Context, status, code, message string) {
	t.Helper()
	if _, err := h.SetApp(c, status, code, message, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnAppSaysCountsAtOnceUntilTheHookSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, active), healthstate.Options{})
		h.Track(target("web", 1))
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		h.set(t, h.app(t, "web", 1), "error", "queue-stuck", "no job for an hour")
		if rec := h.record(t, "web"); word(rec) != "error queue-stuck" || rec.Source != "app" || rec.Runs != 1 {
			t.Errorf("%s from %s after %d runs", word(rec), rec.Source, rec.Runs)
		}
		if got := h.warnings(); len(got) != 1 {
			t.Errorf("warnings %q", got)
		}
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		if rec := h.record(t, "web"); word(rec) != "active" || rec.Source != "hook" {
			t.Errorf("after the hook spoke: %s from %s", word(rec), rec.Source)
		}
	})
}

func TestASilentHookDoesNotReplaceAnAppsRecordUntilThatExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(silent), healthstate.Options{})
		h.Track(target("web", 1))
		h.start(t)
		pass(minutes(6))
		h.set(t, h.app(t, "web", 1), "waiting", "", "for the database")
		pass(minutes(10))
		if got := word(h.record(t, "web")); got != "waiting" {
			t.Errorf("unexpired: %s", got)
		}
		pass(minutes(7)) // to the next run, however it is jittered
		if got := word(h.record(t, "web")); got != "unknown pkgd-no-health-set" {
			t.Errorf("expired: %s", got)
		}
	})
}

func TestAPackageWithoutAHookCountsOnceItsAppHasSpoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		tgt := target("web", 1)
		tgt.Hook, tgt.Services = false, []string{"main"}
		h.svc.set("web", "", up("main", 0))
		h.Track(tgt)
		h.start(t)
		if got := h.Host().Level; got != healthstate.LevelUnknown {
			t.Errorf("nothing to count: %s", got)
		}
		h.set(t, h.app(t, "web", 1), "active", "", "")
		pass(minutes(6)) // its services were looked at meanwhile
		if got := h.Host(); got.Level != healthstate.LevelOK || got.Counts["active"] != 1 {
			t.Errorf("%s %v", got.Level, got.Counts)
		}
		pass(minutes(6))
		if got := word(h.record(t, "web")); got != "unknown pkgd-stale (stale)" && got != "unknown" {
			t.Errorf("an app that fell silent: %s", got)
		}
	})
}

func TestChecksOfAnAppAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(broken), healthstate.Options{})
		h.Track(target("web", 1))
		c := h.app(t, "web", 1)
		add := func(name, health string) {
			t.Helper()
			if err := h.AddAppCheck(c, name, health, "", nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		see := func() {
			rec := h.record(t, "web")
			text := word(rec) + " " + rec.Source + ":"
			for _, c := range rec.Checks {
				text += " " + c.Name + "=" + c.Health
			}
			got = append(got, text)
		}
		add("disk", "passed")
		see()
		add("net", "fail")
		see()
		add("net", "passed")
		see()
		h.set(t, c, "waiting", "", "a moment")
		add("disk", "fail")
		see()
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		add("net", "passed")
		see()
		want := []string{
			"active app: disk=passed",
			"error pkgd-check-failed app: disk=passed net=fail",
			"active app: disk=passed net=passed",
			"waiting app: disk=fail net=passed",
			"error disk-full hook: net=passed", // no check of an app makes a hook's error well
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnAppCannotTalkAwayAServiceThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		tgt := target("web", 1)
		tgt.Services = []string{"main", "worker"}
		h.svc.set("web", "", up("main", 0), up("worker", 0))
		h.Track(tgt)
		h.start(t)
		pass(minutes(6))
		h.svc.set("web", service.Gone, up("main", 0), down("worker"))
		pass(10 * time.Second)
		h.set(t, h.app(t, "web", 1), "active", "", "")
		pass(10 * time.Second)
		if got := word(h.record(t, "web")); got != "error pkgd-service-down" {
			t.Error(got)
		}
	})
}

func TestAnAppOfAnotherRevisionIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 2))
		for _, c := range []*hookrunner.Context{h.app(t, "web", 1), h.app(t, "gone", 1)} {
			if _, err := h.SetApp(c, "active", "", "", nil); err == nil {
				t.Error("SetApp was accepted")
			}
			if err := h.AddAppCheck(c, "disk", "passed", "", nil, nil); err == nil {
				t.Error("AddAppCheck was accepted")
			}
		}
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Error(got)
		}
	})
}

func TestWhatAnotherHookSetsIsRecordedWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 1))
		hook, _, err := h.run.contexts.Open(hookrunner.Spec{Package: "web", Revision: 1, Hook: "configure", Ephemeral: true})
		if err != nil {
			t.Fatal(err)
		}
		h.RecordHook(hook)
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Errorf("a hook that said nothing: %s", got)
		}
		if _, err := healthstate.SetHealth(hook, "blocked", "no-key", "Set the key", nil); err != nil {
			t.Fatal(err)
		}
		hook.Close()
		h.RecordHook(hook)
		h.RecordHook(nil)
		if rec := h.record(t, "web"); word(rec) != "blocked no-key" || rec.Source != "hook" {
			t.Errorf("%s from %s", word(rec), rec.Source)
		}
	})
}

func TestWhatAHookMaySayAndWhatNot(t *testing.T) {
	cs := hookrunner.NewContexts()
	c, _, err := cs.Open(hookrunner.Spec{Package: "web", Revision: 1, Hook: "check-health", Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		status, code, message string
		blockers              []string
		warns                 bool
		refusal               string
	}{
		{status: "active"},
		{status: "okay"},
		{status: "waiting", message: "for the database"},
		{status: "waiting", warns: true},
		{status: "error", code: "disk-full", message: "full"},
		{status: "blocked", message: "no licence", blockers: []string{"licence", "licence", "db"}},
		{status: "active", message: "fine", refusal: "active takes neither a message nor a code"},
		{status: "active", code: "all-fine", refusal: "active takes neither a message nor a code"},
		{status: "unknown", refusal: "for pkgd alone to set"},
		{status: "bad", refusal: `no status "bad"; accepted: active (or okay), maintenance, waiting, blocked, error`},
		{status: "error", code: "pkgd-stale", message: "x", refusal: "reserved prefix"},
		{status: "error", code: "no", message: "x", refusal: "at least 4 characters"},
		{status: "error", message: "two\nlines", refusal: "control character"},
		{status: "waiting", message: "x", blockers: []string{"db"}, refusal: "only blocked does"},
		{status: "blocked", message: "x", blockers: []string{""}, refusal: "blocker has no name"},
	}
	for _, tt := range tests {
		before := healthstate.PendingOf(c)
		warning, err := healthstate.SetHealth(c, tt.status, tt.code, tt.message, tt.blockers)
		after := healthstate.PendingOf(c)
		if tt.refusal != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refusal) || !cmp.Equal(before, after) {
				t.Errorf("%+v: %v\n%s", tt, err, cmp.Diff(before, after))
			}
			continue
		}
		if err != nil || (warning != "") != tt.warns || after.Message != tt.message || after.Code != tt.code {
			t.Errorf("%+v: warning %q, error %v, pending %+v", tt, warning, err, after)
		}
	}
	if diff := cmp.Diff([]string{"db", "licence"}, healthstate.PendingOf(c).Blockers); diff != "" {
		t.Error(diff)
	}
}

func TestAHookReportsAtMostSoManyChecksAndNoneAfterItsEnd(t *testing.T) {
	c, _, err := hookrunner.NewContexts().Open(hookrunner.Spec{Package: "web", Revision: 1, Hook: "check-health", Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		if err := healthstate.AddCheck(c, strings.Repeat("x", i+1), "passed", "", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := healthstate.AddCheck(c, "one-more", "fail", "", nil, nil); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Error(err)
	}
	if err := healthstate.AddCheck(c, "x", "fail", "", nil, nil); err != nil {
		t.Errorf("another part of a check that is there: %v", err)
	}
	if err := healthstate.AddCheck(c, "xx", "fail", "two\nlines", nil, nil); err == nil {
		t.Error("a malformed check was taken")
	}
	c.Close()
	if err := healthstate.AddCheck(c, "x", "passed", "", nil, nil); err == nil {
		t.Error("a check was taken after the run's end")
	}
	list := healthstate.PendingOf(c).Checks
	if len(list) != 64 || list[0].Health != "fail" || list[1].Health != "passed" {
		t.Errorf("%d checks, %v", len(list), list[:min(2, len(list))])
	}
}

func FuzzSetHealth(f *testing.F) {
	f.Add("error", "disk-full", "No space left", "db")
	f.Add("okay", "", "", "")
	f.Fuzz(func(t *testing.T, status, code, message, blocker string) {
		c, _, err := hookrunner.NewContexts().Open(hookrunner.Spec{Package: "web", Revision: 1, Ephemeral: true})
		if err != nil {
			t.Fatal(err)
		}
		var blockers []string
		if blocker != "" {
			blockers = []string{blocker}
		}
		if _, err := healthstate.SetHealth(c, status, code, message, blockers); err != nil {
			return
		}
		p := healthstate.PendingOf(c)
		o := healthstate.Conclude(target("web", 1), hookrunner.Result{}, p)
		if !o.Explicit || o.Status() != p.Status || o.Record.Message != strings.TrimSpace(p.Message) {
			t.Errorf("%q %q %q became %+v", status, code, message, o.Record)
		}
		if p.Status == healthstate.Unknown || p.Status == healthstate.Active && (p.Code != "" || p.Message != "") {
			t.Errorf("%+v was taken", p)
		}
	})
}

func FuzzAddCheck(f *testing.F) {
	f.Add("disk", "warn", "90 %", 0.5, "used", "90")
	f.Fuzz(func(t *testing.T, name, health, message string, q float64, key, value string) {
		c, err := healthstate.NewCheck(name, health, message, &q, map[string]string{key: value})
		if err != nil {
			return
		}
		if healthstate.CheckSize(c) > healthstate.MaxCheckSize || !(*c.QoS >= 0 && *c.QoS <= 1) {
			t.Errorf("%+v was taken", c)
		}
		if got := healthstate.MergeChecks([]api.Check{c}, []api.Check{c}); !cmp.Equal([]api.Check{c}, got) {
			t.Errorf("merged with itself:\n%s", cmp.Diff(c, got[0]))
		}
	})
}
