package healthstate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

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
	for _, name := range names {
		if _, ok := m.Record(name); !ok {
			return nil, notInstalled(name)
		}
	}
	if len(names) == 0 {
		return m.checkAll(ctx, m.asked(), false, phase)
	}
	return m.checkAll(ctx, names, true, phase)
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

// checkAll runs several packages, a few at a time. What is removed meanwhile is
// left out where nobody named it.
func (m *Manager) checkAll(ctx context.Context, names []string, named bool, phase hookrunner.Phase) ([]api.Record, error) {
	m.mu.Lock()
	hand := m.hand
	m.mu.Unlock()
	recs, errs := make([]api.Record, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		release, err := hand.take(ctx)
		if err != nil {
			errs[i] = err
			break
		}
		all.Go(func() {
			recs[i], errs[i] = m.check(ctx, name, phase)
			release()
		})
	}
	all.Wait()
	found := recs[:0]
	for i, err := range errs {
		var refusal *api.Error
		if gone := errors.As(err, &refusal) && refusal.Kind == api.ErrNotInstalled; err != nil && (named || !gone) {
			return nil, err
		} else if err == nil {
			found = append(found, recs[i])
		}
	}
	return found, nil
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
	p, under := m.pkgs[name], m.flying[name]
	switch {
	case p == nil:
		return nil, nil, notInstalled(name)
	case m.ctx.Err() != nil:
		return nil, nil, context.Cause(m.ctx)
	case under != nil && under.ctx.Err() == nil:
		return under, nil, nil
	case under != nil || m.paused[name]:
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
