package healthstate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// ask is one run of all that a package has to say: hook and plug-ins, and with
// services a look at these.
func (m *Manager) ask(ctx context.Context, t Target, phase hookrunner.Phase, services bool) (Outcome, error) {
	start := time.Now()
	h, err := m.listen(ctx, t, phase)
	if err != nil {
		return Outcome{}, err
	}
	if services {
		u, err := m.look(ctx, t, nil)
		if ctx.Err() != nil {
			return Outcome{}, context.Cause(ctx)
		}
		if err != nil { // nobody's fault but the service manager's
			m.log.Warn("health run without a look at services", "package", t.Name, "reason", err)
		}
		h.down, h.up = u.down(), u.allUp()
	}
	o := conclude(t, phase, h)
	o.Record.Duration = time.Since(start).Seconds()
	return o, nil
}

// hearing says which record follows from an outcome. What it gives is called
// with the manager locked.
func (m *Manager) hearing(p *pkg, t Target, o Outcome) func(*known) *known {
	now := time.Now()
	return func(was *known) *known {
		mine := was.of(t.Revision)
		nothing := o.silent || !t.asks() && o.Status() != Error
		if nothing && mine && was.Source == SourceApp && !p.expired(m.opts, now) {
			return was // a silent hook does not replace what an app said
		}
		if !t.asks() && o.Status() != Error {
			return nil // nothing known: no hook
		}
		k := &known{Record: o.Record, Rolled: o.rolled}
		k.CheckedAt, k.Since = &now, since(was, k, now)
		k.Runs = 1
		if mine {
			k.Runs = was.Runs + 1
		}
		return k
	}
}

// since is when the status and code of k began.
func since(was, k *known, now time.Time) *time.Time {
	if b := was.before(); b.Since != nil && b.Revision == k.Revision && b.Status == k.Status && b.Code == k.Code {
		return b.Since
	}
	return &now
}

// Check runs packages now, by hand, and gives their records with the hook's
// output; no names means every package with a hook. It joins a run that is under
// way, waits for the verdict's run where a change is between switch and verdict,
// and makes no change. When ctx ends it returns the cause and leaves the runs be.
func (m *Manager) Check(ctx context.Context, names []string, phase hookrunner.Phase) ([]api.Record, error) {
	if len(names) == 1 {
		rec, err := m.check(ctx, names[0], phase)
		if err != nil {
			return nil, err
		}
		return []api.Record{rec}, nil
	}
	if len(names) == 0 {
		names = m.asked()
	}
	for _, name := range names {
		if _, ok := m.Record(name); !ok {
			return nil, notInstalled(name)
		}
	}
	return m.checkAll(ctx, names, phase)
}

// asked names the packages with a hook, sorted.
func (m *Manager) asked() []string {
	names := []string{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.board.Load().rows {
		if m.pkgs[r.rec.Package].target.asks() {
			names = append(names, r.rec.Package)
		}
	}
	return names
}

// checkAll runs several packages, a few at a time. The first error ends it.
func (m *Manager) checkAll(ctx context.Context, names []string, phase hookrunner.Phase) ([]api.Record, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	m.mu.Lock()
	hand := m.hand
	m.mu.Unlock()
	recs := make([]api.Record, len(names))
	done := make(chan struct{}, len(names))
	begun := 0
	for i, name := range names {
		release, err := hand.take(ctx)
		if err != nil {
			break
		}
		begun++
		go func() {
			rec, err := m.check(ctx, name, phase)
			release()
			if err != nil {
				cancel(err)
			}
			recs[i] = rec
			done <- struct{}{}
		}()
	}
	for range begun {
		<-done
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return recs, nil
}

// check runs one package, or joins who does.
func (m *Manager) check(ctx context.Context, name string, phase hookrunner.Phase) (api.Record, error) {
	for lost := 0; lost < 3; {
		f, changed, err := m.join(name, phase)
		if err != nil {
			return api.Record{}, err
		}
		if f == nil {
			if err := m.await(ctx, changed); err != nil {
				return api.Record{}, err
			}
			continue
		}
		if err := m.await(ctx, f.done); err != nil {
			return api.Record{}, err
		}
		switch {
		case f.ok:
			rec := f.rec
			rec.Output = string(f.out.Output)
			return rec, nil
		case f.err == nil:
			lost++ // the package is no longer what was asked
		case !f.ofChange() && !errors.Is(f.err, errPaused) && !errors.Is(f.err, errPreempted) && !errors.Is(f.err, errRemoved):
			return api.Record{}, f.err
		}
	}
	return api.Record{}, fmt.Errorf("cannot check package %q: it changes all the time; try again when its change has ended", name)
}

// join gives the run under way, or begins one, or gives what to wait for where
// none may begin.
func (m *Manager) join(name string, phase hookrunner.Phase) (*flight, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pkgs[name]
	switch {
	case p == nil:
		return nil, nil, notInstalled(name)
	case m.ctx.Err() != nil:
		return nil, nil, context.Cause(m.ctx)
	case p.flight != nil && p.flight.ctx.Err() == nil:
		return p.flight, nil, nil
	case p.flight != nil || m.paused[name]:
		return nil, p.changed(), nil
	}
	f := m.lift(m.ctx, p, p.target, phase)
	m.wg.Go(func() { m.fly(p, f) })
	return f, nil, nil
}

// await waits for done, and no longer than ctx or the manager live.
func (m *Manager) await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.ctx.Done():
		return state.ErrStopping
	}
}
