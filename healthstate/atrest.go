package healthstate

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/hookrunner"
)

// loop runs hooks at rest until Stop: it sleeps until the next package is due,
// or a record gets stale, or somebody wakes it.
func (m *Manager) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-timer.C:
		case <-m.wake:
		}
		if next := m.turn(time.Now()); !next.IsZero() {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
	}
}

// turn does what is due now and gives when to look again; zero: when woken.
func (m *Manager) turn(now time.Time) (next time.Time) {
	m.mu.Lock()
	m.noticeSleep(now)
	stale := m.expire(now)
	next = m.startDue(now)
	if at := m.staleAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
		next = at
	}
	m.mu.Unlock()
	for _, n := range stale {
		m.tell(n)
	}
	return next
}

// startDue starts the runs that are due, the longest overdue first, as far as
// there are slots. What is late waits in the queue for its one next run: it is
// never run twice to catch up.
func (m *Manager) startDue(now time.Time) (next time.Time) {
	for len(m.waiting) > 0 && m.ctx.Err() == nil {
		p := m.waiting[0]
		if p.due.After(now) {
			return p.due
		}
		release, ok := m.rest.try()
		if !ok {
			return time.Time{} // a slot given back wakes the loop
		}
		f := m.lift(m.ctx, p, p.target, hookrunner.PhaseRest)
		f.release = release
		m.launch(p, f)
	}
	return time.Time{}
}

// departure is a run at rest that is to be made.
type departure struct {
	p *pkg
	f *flight
}

// launch has a run made, by a goroutine that has made others if one is free: a
// new one would have to grow its stack for each.
func (m *Manager) launch(p *pkg, f *flight) {
	d := departure{p, f}
	select {
	case m.departures <- d:
	default:
		m.wg.Go(func() { m.flyAll(d) })
	}
}

// maxCrew is how many goroutines wait for runs at rest to make.
const maxCrew = 2

// flyAll makes a run, and then others until Stop, unless enough wait for them.
func (m *Manager) flyAll(d departure) {
	for {
		m.fly(d.p, d.f)
		if m.crew.Add(1) > maxCrew {
			m.crew.Add(-1)
			return
		}
		select {
		case <-m.ctx.Done():
			return
		case d = <-m.departures:
			m.crew.Add(-1)
		}
	}
}

// fly is a whole run at rest or by hand.
func (m *Manager) fly(p *pkg, f *flight) {
	o, err := m.ask(f.ctx, f.target, f.phase, true)
	m.land(p, f, o, err)
}

// plan decides when the package is to run next, counted from its last run.
func (m *Manager) plan(p *pkg) {
	now := time.Now()
	if p.lastRun.IsZero() {
		m.spread(p, now)
		return
	}
	p.due = p.lastRun.Add(m.delay(p))
	if m.flying[p.target.Name] != nil && !p.due.After(now) {
		p.due = now.Add(m.delay(p)) // it took longer than its interval: that run is skipped
	}
	if !p.hint.IsZero() && p.hint.Before(p.due) {
		p.due = p.hint
	}
	m.enqueue(p)
}

// spread lets first runs begin all over the interval.
func (m *Manager) spread(p *pkg, now time.Time) {
	p.due = now.Add(rand.N(m.opts.interval(p.target)))
	m.enqueue(p)
}

// delay is the time between two runs: the interval, or less while the package is
// not well; give or take a fifth, so that packages do not march in step.
func (m *Manager) delay(p *pkg) time.Duration {
	d := m.opts.interval(p.target)
	if p.unwell > 0 {
		d = min(d, m.opts.UnhealthyInterval<<min(p.unwell-1, 16))
	}
	return d - d/5 + rand.N(2*(d/5)+1)
}

// enqueue puts the package in its place among those that wait for their next
// run, if it may run.
func (m *Manager) enqueue(p *pkg) {
	m.waiting.remove(p)
	t := p.target
	if m.flying[t.Name] != nil || m.paused[t.Name] || m.pkgs[t.Name] != p || !t.asks() && len(t.Services) == 0 {
		return
	}
	heap.Push(&m.waiting, p)
	if p.place == 0 {
		m.kick()
	}
}

// overdueStep is the time between the first runs of two packages that are overdue
// after a start or a resume: the host has other things to do then. All of them have
// begun within a quarter of the interval.
const overdueStep = 100 * time.Millisecond

// spreadOverdue lets what is overdue run soon, the longest overdue first.
func (m *Manager) spreadOverdue(now time.Time) {
	var late []*pkg
	for _, p := range m.waiting {
		if p.due.Before(now) {
			late = append(late, p)
		}
	}
	if len(late) == 0 {
		return
	}
	slices.SortFunc(late, func(a, b *pkg) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.target.Name, b.target.Name))
	})
	step := min(overdueStep, m.opts.Interval/4/time.Duration(len(late)))
	for i, p := range late {
		p.due = now.Add(time.Duration(i) * step)
		m.enqueue(p)
	}
}

// noticeSleep lets the packages' clocks catch up with a suspended host: what is
// overdue by then runs soon, and a record that is too old stands until then.
func (m *Manager) noticeSleep(now time.Time) {
	slept := m.asleep()
	d := slept - m.slept
	m.slept = slept
	if d < time.Second {
		return
	}
	defer m.spreadOverdue(now)
	for _, p := range m.pkgs {
		p.due, p.lastRun = p.due.Add(-d), p.lastRun.Add(-d)
		m.enqueue(p)
		if !p.canStale() {
			continue
		}
		p.saidAt = p.saidAt.Add(-d)
		if now.Sub(p.saidAt) >= m.opts.ttl(p.target) {
			p.standing, p.saidAt = true, now
			m.publish(p, "", now)
		}
	}
}

// suspended is how long the host has been suspended for since it booted.
func suspended() time.Duration {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

// queue orders packages by when they are due: a heap.
type queue []*pkg

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for package heap.
func (q *queue) Push(x any) {
	p := x.(*pkg)
	p.place = len(*q)
	*q = append(*q, p)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	p.place = -1
	return p
}

func (q *queue) remove(p *pkg) {
	if p.place >= 0 {
		heap.Remove(q, p.place)
	}
}
