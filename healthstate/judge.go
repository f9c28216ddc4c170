package healthstate

import (
	"context"
	"log/slog"
	"time"

	"pkgd.io/pkgd/hookrunner"
)

// JudgeOptions are what besides the target a verdict depends on.
type JudgeOptions struct {
	Settle, Bake   *time.Duration // of the package; nil: the host's
	ServicesBefore []string       // that were up before the switch
	Started        time.Time      // when the services were started, for the log; zero: not known
}

// Judge reaches the verdict on the revision that is now current, whose services
// have been started (design §2). What each run brings is taken in as the
// package's record. An ended ctx gives its cause; another error means that the
// package could not be asked, which is not its fault.
func (m *Manager) Judge(ctx context.Context, t Target, j JudgeOptions) (Verdict, error) {
	events, cancel := m.events(t.Name)
	defer cancel()
	tr := m.trial(t, j)
	tr.events = events
	v, err := tr.judge(ctx)
	if err != nil {
		return v, err
	}
	m.settle(t, &v.Outcome)
	attrs := []slog.Attr{
		slog.String("package", t.Name), slog.Int("revision", t.Revision),
		slog.String("status", v.Record.Status), slog.String("code", v.Record.Code), slog.Int("runs", v.Runs),
	}
	if v.ServiceDown != "" {
		attrs = append(attrs, slog.String("service", v.ServiceDown))
	}
	if !j.Started.IsZero() {
		attrs = append(attrs, slog.Duration("since-start", time.Since(j.Started)))
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "health verdict", attrs...)
	return v, nil
}

func (m *Manager) trial(t Target, j JudgeOptions) trial {
	m.mu.Lock()
	settle, bake := m.opts.Settle, m.opts.Bake
	m.mu.Unlock()
	if j.Settle != nil {
		settle = *j.Settle
	}
	if j.Bake != nil {
		bake = *j.Bake
	}
	return trial{
		asks: t.asks(), settle: settle, bake: bake,
		run: func(ctx context.Context) (Outcome, error) {
			return m.runInChange(ctx, t, hookrunner.PhaseAfter, false)
		},
		look:  func(ctx context.Context) (upkeep, error) { return m.look(ctx, t, j.ServicesBefore) },
		quiet: func(u upkeep) Outcome { return conclude(t, hookrunner.PhaseAfter, heard{at: time.Now(), up: u.any}) },
	}
}

// settle takes the verdict in where it says more than the last run did.
func (m *Manager) settle(t Target, o *Outcome) {
	m.mu.Lock()
	p := m.pkgs[t.Name]
	m.mu.Unlock()
	if p == nil {
		return
	}
	next := m.hearing(p, t, *o)
	rec, ok := m.takeIn(p, t, hookrunner.PhaseAfter, time.Now(), func(was *known) *known {
		k := next(was)
		if k == nil || !t.asks() || !was.of(t.Revision) {
			return k
		}
		if sameRecord(was, k) {
			return was
		}
		k.Runs = was.Runs // the verdict is no run of its own
		return k
	})
	if ok {
		o.dated(rec)
	}
}

// RunOnce runs a package once within a change: before it, or the old revision
// after a revert. It waits for a run by hand and ends one at rest. What it
// brings is the package's record if the package is tracked in this revision.
// An ended ctx gives its cause.
func (m *Manager) RunOnce(ctx context.Context, t Target, phase hookrunner.Phase) (Outcome, error) {
	return m.runInChange(ctx, t, phase, true)
}

func (m *Manager) runInChange(ctx context.Context, t Target, phase hookrunner.Phase, services bool) (Outcome, error) {
	p, f, err := m.myTurn(ctx, t, phase)
	if err != nil {
		return Outcome{}, err
	}
	o, err := m.ask(f.ctx, t, phase, services)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	m.land(p, f, o, err)
	if f.ok {
		o.dated(f.rec)
	}
	return o, err
}

// myTurn begins a run within a change as soon as no other is under way. The
// package is nil where it is not tracked: then there is nothing to keep.
func (m *Manager) myTurn(ctx context.Context, t Target, phase hookrunner.Phase) (*pkg, *flight, error) {
	for {
		p, f, other := m.liftInChange(ctx, t, phase)
		if other == nil {
			return p, f, nil
		}
		if other.phase == hookrunner.PhaseRest {
			other.cancel(errPreempted)
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

func (m *Manager) liftInChange(ctx context.Context, t Target, phase hookrunner.Phase) (p *pkg, mine, other *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p = m.pkgs[t.Name]
	if other = m.flying[t.Name]; other != nil {
		return p, nil, other
	}
	return p, m.lift(ctx, p, t, phase), nil
}

// Refreshing notes that the package has been switched to a revision of which
// nothing is known yet. It reaches the disk with the next real write, and is no
// transition of the history.
func (m *Manager) Refreshing(name string, rev int) {
	now := time.Now()
	m.st.Lock()
	m.mu.Lock()
	p := m.pkgs[name]
	if p == nil {
		m.mu.Unlock()
		m.st.Unlock()
		return
	}
	was := p.known.before()
	k := &known{Record: blank(p.target), Prior: &was}
	k.Revision, k.Source, k.Since = rev, SourcePkgd, &now
	k.Status, k.Code, k.Message = string(Maintenance), CodeRefreshing, "has been refreshed and not been asked yet"
	n := m.setKnown(p, k, hookrunner.PhaseAfter, now)
	m.st.SetLazy(recordKey(name), *k)
	m.mu.Unlock()
	m.st.Unlock()
	m.tell(n)
}

// RecordHook takes in what a hook other than check-health said of the package's
// health while it ran. It counts for the record, never for a verdict. One that
// said nothing changes nothing.
func (m *Manager) RecordHook(c *hookrunner.Context) {
	words := PendingOf(c)
	if words.Status == "" && len(words.Checks) == 0 {
		return
	}
	p, t, ok := m.speaker(c)
	if !ok {
		return
	}
	o := conclude(t, c.Phase(), heard{at: time.Now(), hook: &hookrunner.Result{}, words: words})
	m.takeIn(p, t, "", time.Now(), m.hearing(p, t, o))
}

// speaker gives the package that c speaks for, if that revision is current.
func (m *Manager) speaker(c *hookrunner.Context) (*pkg, Target, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pkgs[c.Package()]
	if p == nil || p.target.Revision != c.Revision() {
		return nil, Target{}, false
	}
	return p, p.target, true
}
