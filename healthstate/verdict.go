package healthstate

import (
	"context"
	"errors"
	"time"
)

// The pace of a verdict (design §2): where it is not yet in, the hook runs again
// after firstRerun, doubling to lastRerun, which is also how often it runs while
// active is to hold.
const (
	firstRerun = 250 * time.Millisecond
	lastRerun  = 5 * time.Second
	maxTrouble = 3 // runs in a row that cannot be made, before it gives up when settle is over
)

// leastWatch is how long services are watched that no hook speaks for, though
// bake be nothing: a program that fails at once needs a moment to do so.
const leastWatch = 50 * time.Millisecond

// Verdict is what a refresh is judged by.
type Verdict struct {
	Outcome
	Runs        int    // of check-health in the window
	ServiceDown string // the service that made it an error, with the reason; empty: none
}

// trial is one verdict apart from how a hook is run and services are looked at.
// A run that is under way when settle is over ends in its own time, so that the
// longest verdict takes settle, a run's timeout and bake.
type trial struct {
	asks         bool // there is a hook
	settle, bake time.Duration

	run    func(context.Context) (Outcome, error)
	look   func(context.Context) (upkeep, error)
	events <-chan struct{}      // hints that look has news
	quiet  func(upkeep) Outcome // of a package without a hook
}

// course is how far a trial has come.
type course struct {
	trial
	v       Verdict
	over    time.Time     // when settle is
	pause   time.Duration // before the next run where it is not active
	held    hold
	trouble int // runs in a row that could not be made
}

// hold is a time for which the package has been active without a break.
type hold struct {
	since    time.Time
	runs     int // 0: it is not active
	restarts int // of its services when it began
}

// judge runs the trial. Its error is the cause of ctx's end, or what kept it
// from asking until settle was over.
func (t trial) judge(ctx context.Context) (Verdict, error) {
	if !t.asks {
		return t.watch(ctx)
	}
	c := course{trial: t, over: time.Now().Add(t.settle), pause: firstRerun}
	for {
		done, err := c.step(ctx)
		if done || err != nil {
			return c.v, err
		}
		if down := t.rest(ctx, c.wait(time.Now()), c.held); down != "" {
			c.v.fall(down)
			return c.v, nil
		}
	}
}

// step runs the hook once more, and tells whether that settles it.
func (c *course) step(ctx context.Context) (done bool, err error) {
	u, err := c.ask(ctx)
	now := time.Now()
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err == nil {
		c.trouble = 0
		return c.decided(u, now), nil
	}
	c.held = hold{} // nobody saw it
	c.trouble++
	if errors.Is(err, errRemoved) || c.trouble >= maxTrouble && !now.Before(c.over) {
		return false, err
	}
	return false, nil
}

// ask runs the hook and looks at the services.
func (c *course) ask(ctx context.Context) (upkeep, error) {
	o, err := c.run(ctx)
	if err != nil {
		return upkeep{}, err
	}
	c.v.Outcome = o
	c.v.Runs++
	return c.look(ctx)
}

// wait is the time until the next run.
func (c *course) wait(now time.Time) time.Duration {
	if c.held.runs > 0 {
		c.pause = firstRerun
		return min(lastRerun, c.held.since.Add(c.bake).Sub(now))
	}
	d := c.pause
	c.pause = min(2*c.pause, lastRerun)
	if left := c.over.Sub(now); left > 0 {
		d = min(d, left)
	}
	return d
}

// decided tells whether the last run settles it, and keeps book of how long the
// package has been active.
func (c *course) decided(u upkeep, now time.Time) bool {
	if down := c.held.fallen(u); down != "" {
		c.v.fall(down)
		return true
	}
	if u.between != "" && !c.v.ownError() {
		c.v.serviceDown(u.between) // it may come back before settle is over
	}
	switch s := c.v.Status(); {
	case c.v.Explicit && (s == Error || s == Blocked):
		return true
	case s == Active && u.starting == "":
		return c.baked(u, now)
	}
	c.held = hold{} // also where the hook is content with a service that is not ready
	if now.Before(c.over) {
		return false
	}
	if c.v.Status() == Active {
		c.v.fall(u.starting)
		return true
	}
	c.v.stillFailing()
	c.v.ServiceDown = u.between
	return true
}

// baked tells whether active has held for long enough.
func (c *course) baked(u upkeep, now time.Time) bool {
	if c.held.runs == 0 {
		c.held = hold{since: now, restarts: u.restarts}
	}
	c.held.runs++
	if c.bake > 0 {
		return c.held.runs > 1 && now.Sub(c.held.since) >= c.bake
	}
	if u.restarts > 0 { // there is no time in which to see it fall again
		c.v.fall(u.again)
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
		return u.again
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
	for {
		u, err := t.look(ctx)
		if ctx.Err() != nil {
			return Verdict{}, context.Cause(ctx)
		}
		if err != nil {
			return Verdict{}, err
		}
		v := Verdict{Outcome: t.quiet(u)}
		left := time.Until(held.since.Add(max(t.bake, leastWatch)))
		down := held.fallen(u)
		if left <= 0 {
			down = first(down, u.starting)
		}
		if down == "" && (!u.any || left <= 0) {
			return v, nil
		}
		if down == "" {
			down = t.rest(ctx, left, held)
		}
		if down != "" {
			v.fall(down)
			return v, nil
		}
	}
}
