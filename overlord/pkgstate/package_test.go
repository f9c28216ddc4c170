package pkgstate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/overlord/pkgstate"
)

func TestContentKeepsTheNumberItFirstGot(t *testing.T) {
	p := &pkgstate.PackageState{Name: "web"}
	for _, step := range []struct {
		digest string
		want   int
	}{{"a", 1}, {"b", 2}, {"a", 1}, {"c", 3}, {"b", 2}} {
		if got := p.Number(step.digest); got != step.want {
			t.Errorf("content %s got revision %d, want %d", step.digest, got, step.want)
		}
	}
}

func TestLeavingRemembersWhatWasCurrentOnce(t *testing.T) {
	p := &pkgstate.PackageState{}
	for _, to := range []int{1, 2, 3, 1, 2} {
		p.Leave(to)
	}
	if diff := cmp.Diff([]int{3, 1}, p.Before); diff != "" || p.Current != 2 {
		t.Errorf("current is %d, before it were (-want +got):\n%s", p.Current, diff)
	}
}

func TestRetainKeepsTheCurrentRevisionAndTheLastOnesThatRan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pkgstate.PackageState{Revisions: map[int]*pkgstate.Revision{}}
		for n := 1; n <= rapid.IntRange(1, 8).Draw(t, "revisions"); n++ {
			p.Revisions[n] = &pkgstate.Revision{Number: n}
			if rapid.Bool().Draw(t, "ran") || p.Current == 0 {
				p.Leave(n)
			}
		}
		keep := rapid.IntRange(2, 5).Draw(t, "keep")
		dropped := map[int]bool{}
		for _, n := range p.Beyond(keep) {
			dropped[n] = true
		}
		if dropped[p.Current] {
			t.Fatal("the current revision is dropped")
		}
		for i, n := range p.Before {
			if recent := len(p.Before) - i; recent < keep && dropped[n] {
				t.Fatalf("revision %d is dropped, and is one of the last %d that ran", n, keep)
			}
		}
		if ran := len(p.Before) + 1; ran >= keep && len(p.Revisions)-len(dropped) != keep {
			t.Fatalf("%d are kept, want %d", len(p.Revisions)-len(dropped), keep)
		}
	})
}

func TestTheLadderIsTheDesigns(t *testing.T) {
	day := 24 * time.Hour
	want := []time.Duration{8 * time.Hour, 12 * time.Hour, day, 2 * day, 4 * day, 7 * day, 10*day + 12*time.Hour, 14 * day}
	if diff := cmp.Diff(want, pkgstate.Ladder); diff != "" {
		t.Error(diff)
	}
}

func TestARefusalCountsTheTimeThatTheHostIsUp(t *testing.T) {
	r := pkgstate.Refusal{Countdown: osutil.Countdown{Left: time.Hour, Boot: osutil.BootID(), Uptime: osutil.Uptime() - 20*time.Minute}}
	if left := r.TimeLeft().Round(time.Minute); left != 40*time.Minute {
		t.Errorf("%v left 20 minutes into an hour", left)
	}
	r.Uptime = osutil.Uptime() - 2*time.Hour
	if r.Holds() {
		t.Error("an hour's refusal holds after two")
	}
}

func TestARefusalOfAnotherBootNeitherEndsNorGrows(t *testing.T) {
	r := pkgstate.Refusal{Countdown: osutil.Countdown{Left: time.Hour, Boot: "another", Uptime: 100 * time.Hour}}
	if left := r.TimeLeft(); left != time.Hour {
		t.Errorf("%v left, want the hour that was noted", left)
	}
	if n := osutil.CountFrom(r.TimeLeft()); n.Boot != osutil.BootID() || n.Left != time.Hour {
		t.Errorf("noted as %+v", n)
	}
}

func TestARefusalByHandHoldsUntilItIsRetried(t *testing.T) {
	if r := (pkgstate.Refusal{ByHand: true}); !r.Holds() {
		t.Error("a refusal by hand has run out")
	}
}

func TestAPathIsToldFromAName(t *testing.T) {
	for target, want := range map[string]bool{"web": false, "/srv/web": true, "./web": true, "web_1.0.pkg": true, "web-pkg": false} {
		if got := pkgstate.IsPath(target); got != want {
			t.Errorf("%q is a path: %v, want %v", target, got, want)
		}
	}
}

func TestChecksThatChangedAcrossARefreshAreListed(t *testing.T) {
	before := &api.Record{Checks: []api.Check{{Name: "disk", Health: "passed"}, {Name: "gone", Health: "warn"}, {Name: "same", Health: "passed"}}}
	after := &api.Record{Checks: []api.Check{{Name: "disk", Health: "fail", Message: "full"}, {Name: "new", Health: "passed"}, {Name: "same", Health: "passed"}}}
	want := []api.CheckDiff{
		{Name: "disk", Before: "passed", After: "fail", Message: "full"},
		{Name: "gone", Before: "warn"},
		{Name: "new", After: "passed"},
	}
	if diff := cmp.Diff(want, pkgstate.CheckDiff(before, after)); diff != "" {
		t.Error(diff)
	}
	if diff := pkgstate.CheckDiff(nil, after); diff != nil {
		t.Errorf("nothing to compare with gave %v", diff)
	}
}

func TestARestoredRevisionIsUnwellWhenItIsWorseOffThanBefore(t *testing.T) {
	record := func(status string) *api.Record { return &api.Record{Status: status} }
	for _, c := range []struct {
		before *api.Record
		now    string
		want   bool
	}{
		{record("active"), "active", false},
		{record("active"), "waiting", true},
		{record("active"), "error", true},
		{record("unknown"), "unknown", false},
		{record("unknown"), "error", true},
		{nil, "unknown", false},
	} {
		if got := pkgstate.Unwell(c.before, *record(c.now)); got != c.want {
			t.Errorf("%+v → %s is unwell: %v, want %v", c.before, c.now, got, c.want)
		}
	}
}
