package healthstate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// deed is something that an admin, a change, a service or time does.
type deed struct {
	what string
	pkg  int
	n    int
}

// story plays deeds to a house, and knows what must hold all the time.
type story struct {
	*testing.T
	h    *house
	rev  map[string]int // tracked
	held map[string]bool
	wg   sync.WaitGroup
	end  context.CancelCauseFunc
	ctx  context.Context
}

func (s *story) target(name string) healthstate.Target {
	tgt := target(name, s.rev[name])
	tgt.Services, tgt.Hook = []string{"main"}, name != "p2"
	return tgt
}

// harmless are the refusals that deeds may meet: the package is gone, or changes
// all the time, or the story is over.
func harmless(err error) bool {
	var refusal *api.Error
	return err == nil || errors.As(err, &refusal) || errors.Is(err, state.ErrStopping) ||
		err.Error() == "the package was removed" || strings.Contains(err.Error(), "changes all the time")
}

func (s *story) do(d deed) {
	name := fmt.Sprintf("p%d", d.pkg)
	if s.rev[name] == 0 && d.what != "time" && d.what != "configure" {
		d.what = "track"
	}
	switch d.what {
	case "track":
		s.rev[name] = 1 + d.n%3
		s.h.Track(s.target(name))
	case "untrack":
		delete(s.rev, name)
		delete(s.held, name)
		s.h.Untrack(name)
		if _, ok := s.h.Record(name); ok {
			s.Errorf("%s has a record after it was removed", name)
		}
	case "pause":
		s.held[name] = true
		s.h.Pause(name)
	case "resume":
		delete(s.held, name)
		s.h.Resume(name)
	case "judge":
		tgt := s.target(name)
		s.wg.Go(func() {
			if _, err := s.h.Judge(s.ctx, tgt, healthstate.JudgeOptions{}); !harmless(err) {
				s.Errorf("Judge: %v", err)
			}
		})
	case "once":
		tgt := s.target(name)
		s.wg.Go(func() {
			if _, err := s.h.RunOnce(s.ctx, tgt, hookrunner.PhaseBefore); !harmless(err) {
				s.Errorf("RunOnce: %v", err)
			}
		})
	case "check":
		s.wg.Go(func() {
			ctx, cancel := context.WithTimeoutCause(s.ctx, minutes(3), state.ErrStopping)
			defer cancel()
			if _, err := s.h.Check(ctx, nil, hookrunner.PhaseManual); !harmless(err) {
				s.Errorf("Check: %v", err)
			}
		})
	case "app":
		c := s.h.app(s.T, name, s.rev[name])
		_, _ = s.h.SetApp(c, "waiting", "", "for a moment", nil) // refused where the package is gone
	case "service":
		now := []service.Status{up("main", 0), up("main", 1), between("main", 1), down("main")}[d.n%4]
		now.Revision = s.rev[name]
		s.h.svc.set(name, service.Exited, now)
	case "configure":
		s.h.Configure(healthstate.Options{Interval: time.Duration(1+d.n%100) * time.Second, Settle: 10 * time.Second, Bake: 2 * time.Second})
	case "time":
		pass(time.Duration(d.n) * time.Second)
	}
	s.mustHold()
}

func (s *story) mustHold() {
	synctest.Wait()
	if s.h.run.overlap() {
		s.Error("two runs of one package at once")
	}
	all := s.h.Host()
	if len(all.Packages) != len(s.rev) {
		s.Errorf("%d packages are shown, %d tracked", len(all.Packages), len(s.rev))
	}
	for _, rec := range all.Packages {
		if rec.Revision != s.rev[rec.Package] {
			s.Errorf("%s shows revision %d, current is %d", rec.Package, rec.Revision, s.rev[rec.Package])
		}
	}
	for name := range s.held {
		if s.h.run.resting(name) {
			s.Errorf("%s is run at rest though it is paused", name)
		}
	}
}

func TestWhateverHappensNothingOverlapsNothingIsStuckNothingOutlivesARemove(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		deeds := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) deed {
			return deed{
				what: rapid.SampledFrom([]string{"track", "track", "untrack", "pause", "resume", "judge", "once", "check", "app", "service", "configure", "time", "time", "time"}).Draw(rt, "what"),
				pkg:  rapid.IntRange(0, 2).Draw(rt, "package"),
				n:    rapid.IntRange(0, 400).Draw(rt, "n"),
			}
		}), 1, 40).Draw(rt, "deeds")
		seed := rapid.IntRange(0, 6).Draw(rt, "seed")
		answers := []answer{active, waiting, silent, broken, {status: "active", takes: 700 * time.Millisecond}, failing, {status: "blocked", message: "x", takes: 7 * time.Second}}
		synctest.Test(t, func(t *testing.T) {
			r := newFakeRunner(func(run hookrunner.Run, n int) answer { return answers[(n+seed+run.Revision)%len(answers)] })
			s := &story{T: t, h: build(t, r, healthstate.Options{Interval: 5 * time.Second, Settle: 10 * time.Second, Bake: 2 * time.Second}), rev: map[string]int{}, held: map[string]bool{}}
			s.ctx, s.end = context.WithCancelCause(t.Context())
			s.h.start(t)
			for _, d := range deeds {
				s.do(d)
			}
			s.end(state.ErrStopping)
			s.wg.Wait()
		})
		if t.Failed() {
			rt.Fatalf("see above")
		}
	})
}
