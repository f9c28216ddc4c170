package healthstate

import (
	"context"
	"time"
)

// The pace of a verdict (design §2): where it is not yet in, the hook runs again
// after firstRerun, doubling to lastRerun, which is also how often it runs while
// active is to hold.
const (
	firstRerun = 250 * time.Millisecond
	lastRerun  = 5 * time.Second
)

// Verdict is what a refresh is judged by.
type Verdict struct {
	Outcome
	Runs        int    // of check-health in the window
	ServiceDown string // the service that made it an error, with the reason; empty: none
}

// trial is one verdict in the making, apart from how a hook is run and services
// are looked at. A run that is under way when settle is over ends in its own
// time, so that the longest verdict takes settle, a run's timeout and bake.
type trial struct {
	asks         bool // there is a hook
	serves       bool // there are services to look at
	settle, bake time.Duration

	run    func(context.Context) (Outcome, error)
	look   func(context.Context) (upkeep, error)
	events <-chan struct{}      // hints that look has news
	quiet  func(upkeep) Outcome // of a package without a hook
}

// hold is a time for which the package has been active without a break.
type hold struct {
	since    time.Time // zero: it is not active
	runs     int
	restarts int // of its services when it began
}

// judge runs the trial. Its error is the cause of ctx's end, or what kept it
// from asking until settle was over.
func (t trial) judge(ctx context.Context) (Verdict, error) {
	if !t.asks {
		return t.watch(ctx)
	}
	var v Verdict
	var held hold
	over, pause := time.Now().Add(t.settle), firstRerun
	for {
		u, err := t.ask(ctx, &v)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return v, context.Cause(ctx)
		case err != nil && !now.Before(over):
			return v, err
		case err == nil && t.decided(&v, u, &held, now, over):
			return v, nil
		}
		wait := min(pause, over.Sub(now))
		if held.runs > 0 {
			wait, pause = min(lastRerun, held.since.Add(t.bake).Sub(now)), firstRerun
		} else {
			pause = min(2*pause, lastRerun)
		}
		if down := t.rest(ctx, wait, held); down != "" {
			v.fall(down)
			return v, nil
		}
	}
}

// ask runs the hook once more and looks at the services.
func (t trial) ask(ctx context.Context, v *Verdict) (upkeep, error) {
	o, err := t.run(ctx)
	if err != nil {
		return upkeep{}, err
	}
	v.Outcome = o
	v.Runs++
	return t.look(ctx)
}

// decided tells whether the last run settles it, and keeps book of how long the
// package has been active.
func (t trial) decided(v *Verdict, u upkeep, held *hold, now, over time.Time) bool {
	if down := held.fallen(u); down != "" {
		v.fall(down)
		return true
	}
	if u.between != "" && !v.ownError() {
		v.serviceDown(u.between) // it may come back before settle is over
	}
	switch s := v.Status(); {
	case v.Explicit && (s == Error || s == Blocked):
		return true
	case s == Active:
		return t.held(v, u, held, now)
	}
	*held = hold{}
	if now.Before(over) {
		return false
	}
	v.stillFailing()
	if u.between != "" {
		v.ServiceDown = u.between
	}
	return true
}

// held tells whether active has held for long enough.
func (t trial) held(v *Verdict, u upkeep, held *hold, now time.Time) bool {
	if held.runs == 0 {
		*held = hold{since: now, restarts: u.restarts}
	}
	held.runs++
	if t.bake > 0 {
		return held.runs > 1 && now.Sub(held.since) >= t.bake
	}
	if u.restarts > 0 { // there is no time in which to see it fall again
		v.fall("a service had to be started again")
	}
	return true
}

// fallen names the service that settles it by itself: one that stays down, or
// one that did not stay up while active was to hold.
func (h hold) fallen(u upkeep) string {
	switch {
	case u.broken != "":
		return u.broken
	case h.runs == 0:
		return ""
	case u.between != "":
		return u.between
	case u.restarts > h.restarts:
		return "a service had to be started again"
	}
	return ""
}

// fall makes the verdict an error for a service's sake. A hook that said error
// itself keeps its words: they tell more.
func (v *Verdict) fall(down string) {
	v.ServiceDown = down
	if !v.ownError() {
		v.serviceDown(down)
	}
}

// rest waits for d, or until ctx ends, and gives what an event of a service
// settles meanwhile.
func (t trial) rest(ctx context.Context, d time.Duration, held hold) string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-timer.C:
			return ""
		case <-t.events:
			u, err := t.look(ctx)
			if err != nil {
				continue // the next run looks again
			}
			if down := held.fallen(u); down != "" {
				return down
			}
		}
	}
}

// watch is the trial of a package without a hook: its services, for as long as
// active would have to hold.
func (t trial) watch(ctx context.Context) (Verdict, error) {
	held := hold{since: time.Now(), runs: 1}
	end := held.since.Add(t.bake)
	for {
		u, err := t.look(ctx)
		if ctx.Err() != nil {
			return Verdict{}, context.Cause(ctx)
		}
		if err != nil {
			return Verdict{}, err
		}
		v := Verdict{Outcome: t.quiet(u)}
		left := time.Until(end)
		down := held.fallen(u)
		if left <= 0 {
			down = first(down, u.starting)
		}
		switch {
		case down != "":
			v.fall(down)
			return v, nil
		case !t.serves || left <= 0:
			return v, nil
		}
		if down := t.rest(ctx, left, held); down != "" {
			v.fall(down)
			return v, nil
		}
	}
}
