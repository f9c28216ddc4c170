package healthstate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// event is what happens to the services of the package at a time after the
// verdict's begin.
type event struct {
	at   time.Duration
	kind string
	now  []service.Status
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// failedCheck is one check that fails, with no status set: the roll-up's error.
func failedCheck() answer {
	return answer{checks: []api.Check{{Name: "disk", Health: "fail", Message: "full"}}}
}

func repeat(n int, a answer) (list []answer) {
	for range n {
		list = append(list, a)
	}
	return list
}

func TestTheVerdict(t *testing.T) {
	const s = time.Second
	upAll := []service.Status{up("main", 0)}
	tests := map[string]struct {
		answers      []answer // nil: no hook
		services     []service.Status
		events       []event
		settle, bake time.Duration

		want    string
		runs    int
		elapsed time.Duration
		down    bool
	}{
		"an error that the hook set is the verdict at once": {
			answers: []answer{broken}, settle: 60 * s, bake: 5 * s,
			want: "error disk-full", runs: 1,
		},
		"so is blocked": {
			answers: []answer{blocked}, settle: 60 * s, bake: 5 * s,
			want: "blocked no-license", runs: 1,
		},
		"an explicit error of a hook that then fails counts as explicit": {
			answers: []answer{{status: "error", code: "disk-full", message: "No space", exit: 1}}, settle: 60 * s, bake: 5 * s,
			want: "error disk-full", runs: 1,
		},
		"active must hold for bake with two runs": {
			answers: []answer{active}, settle: 60 * s, bake: 5 * s,
			want: "active", runs: 2, elapsed: 5 * s,
		},
		"a bake of less than a rerun still takes two runs": {
			answers: []answer{active}, settle: 60 * s, bake: 100 * time.Millisecond,
			want: "active", runs: 2, elapsed: ms(100),
		},
		"a bake of zero takes one run": {
			answers: []answer{active}, settle: 60 * s,
			want: "active", runs: 1,
		},
		"a long bake is looked at every five seconds": {
			answers: []answer{active}, settle: 60 * s, bake: 12 * s,
			want: "active", runs: 4, elapsed: 12 * s,
		},
		"waiting is asked again after 0.25 s, doubling to 5 s": {
			answers: append(repeat(7, waiting), active), settle: 60 * s, bake: 0, // 0 .25 .75 1.75 3.75 7.75 12.75 17.75
			want: "active", runs: 8, elapsed: ms(17750),
		},
		"the last result is the verdict when settle is over": {
			answers: []answer{waiting}, settle: 2 * s, bake: 5 * s, // 0 .25 .75 1.75 2
			want: "waiting", runs: 5, elapsed: 2 * s,
		},
		"maintenance settles too": {
			answers: []answer{busy}, settle: 1 * s, bake: 5 * s,
			want: "maintenance", runs: 4, elapsed: 1 * s,
		},
		"a silent hook has its time to settle": {
			answers: []answer{silent, active}, settle: 60 * s, bake: 1 * s,
			want: "active", runs: 3, elapsed: ms(1250),
		},
		"and stays unknown when it stays silent": {
			answers: []answer{silent}, settle: 1 * s, bake: 1 * s,
			want: "unknown pkgd-no-health-set", runs: 4, elapsed: 1 * s,
		},
		"a hook that fails at first is asked again": {
			answers: []answer{failing, failing, active}, settle: 60 * s,
			want: "active", runs: 3, elapsed: ms(750),
		},
		"a hook that still fails when settle is over is an error": {
			answers: []answer{failing}, settle: ms(500), bake: 5 * s,
			want: "error pkgd-hook-failed", runs: 3, elapsed: ms(500),
		},
		"even where it says waiting while it fails": {
			answers: []answer{{status: "waiting", message: "for the database", exit: 1}}, settle: ms(500), bake: 5 * s,
			want: "error pkgd-hook-failed", runs: 3, elapsed: ms(500),
		},
		"a hook that hangs ends in its own time": {
			answers: []answer{hanging}, settle: 60 * s, bake: 5 * s, // 0-30, 30.25-60.25
			want: "error pkgd-hook-timeout", runs: 2, elapsed: ms(60250),
		},
		"an error of the roll-up waits for settle": {
			answers: []answer{failedCheck()}, settle: 1 * s, bake: 5 * s,
			want: "error pkgd-check-failed", runs: 4, elapsed: 1 * s,
		},
		"and may get well": {
			answers: []answer{failedCheck(), failedCheck(), {checks: []api.Check{{Name: "disk", Health: "passed"}}}}, settle: 60 * s, bake: 5 * s,
			want: "active", runs: 4, elapsed: ms(5750),
		},
		"settle zero: one run decides": {
			answers: []answer{waiting}, bake: 5 * s,
			want: "waiting", runs: 1,
		},
		"bake may outlast settle": {
			answers: []answer{waiting, waiting, active}, settle: 1 * s, bake: 30 * s, // active from 0.75
			want: "active", runs: 9, elapsed: ms(30750),
		},
		"who leaves active during bake goes back to settle": {
			answers: []answer{active, waiting, waiting, active}, settle: 60 * s, bake: 2 * s, // active 0, waiting 2, 2.25, active 2.75, 4.75
			want: "active", runs: 5, elapsed: ms(4750),
		},
		"and settle does not begin anew": {
			answers: []answer{active, waiting}, settle: 3 * s, bake: 2 * s, // 0 2 2.25 2.75 3
			want: "waiting", runs: 5, elapsed: 3 * s,
		},
		"or has the verdict when settle is over": {
			answers: []answer{active, waiting}, settle: 1 * s, bake: 2 * s,
			want: "waiting", runs: 2, elapsed: 2 * s,
		},
		"an explicit error during bake is the verdict": {
			answers: []answer{active, broken}, settle: 60 * s, bake: 2 * s,
			want: "error disk-full", runs: 2, elapsed: 2 * s,
		},

		"no hook and no services: nothing to wait for": {
			settle: 60 * s, bake: 5 * s, want: "unknown",
		},
		"no hook with services: bake only": {
			services: upAll, settle: 60 * s, bake: 5 * s,
			want: "active", elapsed: 5 * s,
		},
		"no hook, and a service down": {
			services: []service.Status{down("main")}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", down: true,
		},
		"no hook, and a service that goes down within bake": {
			services: upAll, settle: 60 * s, bake: 5 * s,
			events: []event{{2 * s, service.Gone, []service.Status{down("main")}}},
			want:   "error pkgd-service-down", elapsed: 2 * s, down: true,
		},
		"no hook, and a service that was started again before anybody looked": {
			services: []service.Status{up("main", 1)}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", down: true,
		},
		"no hook, and a service that never gets ready": {
			services: []service.Status{{Name: "main", State: service.Activating, PID: 5}}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", elapsed: 5 * s, down: true,
		},
		"a service that stays down makes a green hook a lie": {
			answers: []answer{active}, services: []service.Status{down("main")}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", runs: 1, down: true,
		},
		"a service that ended cleanly is down as well": {
			answers: []answer{active}, services: []service.Status{{Name: "main", State: service.Inactive}}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", runs: 1, down: true,
		},
		"also one that says waiting": {
			answers: []answer{waiting}, services: []service.Status{down("main")}, settle: 60 * s, bake: 5 * s,
			want: "error pkgd-service-down", runs: 1, down: true,
		},
		"a service that fails within bake is the verdict at once": {
			answers: []answer{active}, services: upAll, settle: 60 * s, bake: 5 * s,
			events: []event{{ms(1500), service.Gone, []service.Status{down("main")}}},
			want:   "error pkgd-service-down", runs: 1, elapsed: ms(1500), down: true,
		},
		"so is one that had to be started again within bake": {
			answers: []answer{active}, services: upAll, settle: 60 * s, bake: 5 * s,
			events: []event{{ms(1500), service.Restarted, []service.Status{up("main", 1)}}},
			want:   "error pkgd-service-down", runs: 1, elapsed: ms(1500), down: true,
		},
		"seen at the next run where the event is lost": {
			answers: []answer{active}, services: upAll, settle: 60 * s, bake: 12 * s,
			events: []event{{ms(6000), "", []service.Status{up("main", 1)}}},
			want:   "error pkgd-service-down", runs: 3, elapsed: 10 * s, down: true,
		},
		"a service that is about to be started again within bake": {
			answers: []answer{active}, services: upAll, settle: 60 * s, bake: 5 * s,
			events: []event{{ms(1500), service.Exited, []service.Status{between("main", 0)}}},
			want:   "error pkgd-service-down", runs: 1, elapsed: ms(1500), down: true,
		},
		"a restart while the hook still waits is no fault": {
			answers: []answer{waiting, waiting, waiting, active}, services: []service.Status{between("main", 0)}, settle: 60 * s, bake: 2 * s,
			events: []event{{ms(400), service.Restarted, []service.Status{up("main", 1)}}},
			want:   "active", runs: 5, elapsed: ms(3750),
		},
		"a service between two starts is not yet green": {
			answers: []answer{active}, services: []service.Status{between("main", 0)}, settle: 60 * s, bake: 2 * s,
			events: []event{{ms(400), service.Restarted, []service.Status{up("main", 1)}}}, // seen at 0.75
			want:   "active", runs: 4, elapsed: ms(2750),
		},
		"and is down when settle is over": {
			answers: []answer{active}, services: []service.Status{between("main", 3)}, settle: 1 * s, bake: 2 * s,
			want: "error pkgd-service-down", runs: 4, elapsed: 1 * s, down: true,
		},
		"with a bake of zero a service that was started again is a fault": {
			answers: []answer{active}, services: []service.Status{up("main", 1)}, settle: 60 * s,
			want: "error pkgd-service-down", runs: 1, down: true,
		},
		"a hook that says error itself keeps its words beside a service that is down": {
			answers: []answer{broken}, services: []service.Status{down("main")}, settle: 60 * s, bake: 5 * s,
			want: "error disk-full", runs: 1, down: true,
		},
		"a service that was not up before and should not be is nobody's business": {
			answers: []answer{active}, services: []service.Status{up("main", 0), down("extra")}, settle: 60 * s, bake: 5 * s,
			want: "active", runs: 2, elapsed: 5 * s,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, inTurn(append(tt.answers, active)[:max(len(tt.answers), 1)]...), healthstate.Options{Settle: tt.settle, Bake: tt.bake})
				tgt := target("web", 1)
				tgt.Timeout = 30 * s
				tgt.Hook = tt.answers != nil
				if tt.services != nil {
					tgt.HasServices, tgt.Services = true, []string{"main"}
					h.svc.set("web", "", tt.services...)
				}
				h.Track(tgt)
				h.Pause("web")
				h.Refreshing("web", 1)
				begin := time.Now()
				for _, ev := range tt.events {
					time.AfterFunc(ev.at, func() { h.svc.set("web", ev.kind, ev.now...) })
				}
				v, err := h.Judge(t.Context(), tgt, healthstate.JudgeOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got := word(v.Record); got != tt.want {
					t.Errorf("verdict %s (%s), want %s", got, v.Record.Message, tt.want)
				}
				if v.Runs != tt.runs || (v.ServiceDown != "") != tt.down {
					t.Errorf("%d runs, want %d; service down: %q", v.Runs, tt.runs, v.ServiceDown)
				}
				if got := time.Since(begin); got != tt.elapsed {
					t.Errorf("verdict after %v, want %v", got, tt.elapsed)
				}
				want := tt.want
				if tt.answers == nil && want == "active" {
					want = "unknown" // without a hook nothing is known, though its services are up
				}
				if got := word(h.record(t, "web")); got != want {
					t.Errorf("record %s, want %s", got, want)
				}
				for _, run := range h.run.of("web") {
					if run.Phase != hookrunner.PhaseAfter || run.Gentle {
						t.Errorf("a run of the verdict has phase %q and gentle %v", run.Phase, run.Gentle)
					}
				}
			})
		})
	}
}

func TestBetweenTheSwitchAndTheFirstResultAPackageShowsThatItIsRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "active", takes: time.Second}), healthstate.Options{Bake: time.Second})
		h.Track(target("web", 1))
		if _, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseBefore); err != nil {
			t.Fatal(err)
		}
		h.Pause("web")
		h.Track(target("web", 2))
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Errorf("a new revision of which nothing was heard is %s", got)
		}
		h.Refreshing("web", 2)
		if rec := h.record(t, "web"); word(rec) != "maintenance pkgd-refreshing" || rec.Revision != 2 || h.Host().Level != healthstate.LevelDegraded {
			t.Errorf("after the switch: %s, revision %d, host %s", word(rec), rec.Revision, h.Host().Level)
		}
		if _, err := h.Judge(t.Context(), target("web", 2), healthstate.JudgeOptions{}); err != nil {
			t.Fatal(err)
		}
		if rec := h.record(t, "web"); word(rec) != "active" || rec.Revision != 2 || rec.Runs != 2 {
			t.Errorf("after the verdict: %s, revision %d, %d runs", word(rec), rec.Revision, rec.Runs)
		}
		list, err := h.History("web", 0)
		if err != nil || len(list) != 2 || list[0].From != "active" || list[0].To != "active" || list[0].Revision != 2 || list[0].Phase != "after" {
			t.Errorf("history %+v, %v", list, err)
		}
	})
}

func TestAPackagesOwnWindowsCountBeforeTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(waiting), healthstate.Options{Settle: time.Hour, Bake: time.Hour})
		settle, bake := time.Second, time.Duration(0)
		begin := time.Now()
		v, err := h.Judge(t.Context(), target("web", 1), healthstate.JudgeOptions{Settle: &settle, Bake: &bake})
		if err != nil || word(v.Record) != "waiting" || time.Since(begin) != settle {
			t.Errorf("%s after %v, %v", word(v.Record), time.Since(begin), err)
		}
	})
}

func TestJudgeAndRunOnceReturnTheCauseOfAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(answer{status: "waiting", takes: 10 * time.Second}), healthstate.Options{Settle: time.Hour})
		h.Track(target("web", 1))
		for _, cause := range []error{state.ErrStopping, state.ErrAborted} {
			for _, when := range []time.Duration{time.Second, ms(10100)} { // in a run, and between two
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(when, func() { cancel(cause) })
				if _, err := h.Judge(ctx, target("web", 1), healthstate.JudgeOptions{}); !errors.Is(err, cause) {
					t.Errorf("Judge after %v: %v, want %v", when, err, cause)
				}
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(cause) })
			if _, err := h.RunOnce(ctx, target("web", 1), hookrunner.PhaseBefore); !errors.Is(err, cause) {
				t.Errorf("RunOnce: %v, want %v", err, cause)
			}
		}
	})
}

func TestAHookThatCannotBeStartedIsNotThePackagesFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trouble := errors.New("cannot fork: resource temporarily unavailable")
		h := build(t, always(answer{err: trouble}), healthstate.Options{Settle: 10 * time.Second})
		h.Track(target("web", 1))
		begin := time.Now()
		if _, err := h.Judge(t.Context(), target("web", 1), healthstate.JudgeOptions{}); !errors.Is(err, trouble) || time.Since(begin) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if got := word(h.record(t, "web")); got != "unknown" {
			t.Errorf("record %s", got)
		}
	})
}

func TestARunThatCannotBeMadeDuringBakeIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, answer{err: errors.New("cannot fork")}, active), healthstate.Options{Bake: 2 * time.Second})
		h.Track(target("web", 1))
		begin := time.Now()
		v, err := h.Judge(t.Context(), target("web", 1), healthstate.JudgeOptions{})
		if err != nil || word(v.Record) != "active" || time.Since(begin) != ms(4250) || v.Runs != 3 {
			t.Errorf("%s after %v and %d runs, %v", word(v.Record), time.Since(begin), v.Runs, err)
		}
	})
}

func TestAServiceManagerThatDoesNotAnswerForAWhileIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{Settle: time.Minute, Bake: time.Second})
		tgt := target("web", 1)
		tgt.Services = []string{"main"}
		h.Track(tgt)
		h.svc.set("web", "", up("main", 0))
		h.svc.err = errors.New("the bus is gone")
		time.AfterFunc(5*time.Second, func() {
			h.svc.mu.Lock()
			defer h.svc.mu.Unlock()
			h.svc.err = nil
		})
		v, err := h.Judge(t.Context(), tgt, healthstate.JudgeOptions{})
		if err != nil || word(v.Record) != "active" {
			t.Errorf("%s, %v", word(v.Record), err)
		}
	})
}

func TestBeforeARefreshServicesCountToo(t *testing.T) {
	tests := map[string]struct {
		hook     bool
		services []service.Status
		want     string
	}{
		"hook active, service up":        {true, []service.Status{up("main", 4)}, "active"},
		"hook active, service down":      {true, []service.Status{down("main")}, "error pkgd-service-down"},
		"hook active, between starts":    {true, []service.Status{between("main", 4)}, "error pkgd-service-down"},
		"no hook, service up":            {false, []service.Status{up("main", 4)}, "active"},
		"no hook, service down":          {false, []service.Status{down("main")}, "error pkgd-service-down"},
		"no hook, never started":         {false, nil, "error pkgd-service-down"},
		"no hook, service not ready yet": {false, []service.Status{{Name: "main", State: service.Activating, PID: 3}}, "unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, always(active), healthstate.Options{})
				tgt := target("web", 1)
				tgt.Hook, tgt.Services = tt.hook, []string{"main"}
				h.svc.set("web", "", tt.services...)
				h.Track(tgt)
				o, err := h.RunOnce(t.Context(), tgt, hookrunner.PhaseBefore)
				if err != nil || word(o.Record) != tt.want {
					t.Errorf("%s, %v; want %s", word(o.Record), err, tt.want)
				}
			})
		})
	}
}

func TestTheRecordsBeforeAndAfterTellSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, inTurn(active, active, active, failing), healthstate.Options{Settle: ms(300)})
		h.Track(target("web", 1))
		begin := time.Now()
		for range 2 {
			if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
		}
		o, err := h.RunOnce(t.Context(), target("web", 1), hookrunner.PhaseBefore)
		if err != nil || !o.Record.Since.Equal(begin) || !o.Record.CheckedAt.Equal(time.Now()) || o.Record.Runs != 3 {
			t.Errorf("before: %+v, %v", o.Record, err)
		}
		h.Track(target("web", 2))
		v, err := h.Judge(t.Context(), target("web", 2), healthstate.JudgeOptions{})
		rec := h.record(t, "web")
		if err != nil || !v.Record.Since.Equal(*rec.Since) || v.Record.Runs != rec.Runs || !v.Record.CheckedAt.Equal(*rec.CheckedAt) || word(v.Record) != word(rec) {
			t.Errorf("after: %+v, stored %+v, %v", v.Record, rec, err)
		}
	})
}
