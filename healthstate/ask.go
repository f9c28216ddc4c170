package healthstate

import (
	"context"
	"time"

	"pkgd.io/pkgd/hookrunner"
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
	h.at = time.Now()
	o := conclude(t, phase, h)
	o.Record.Duration = h.at.Sub(start).Seconds()
	return o, nil
}

// hearing says which record follows from an outcome. What it gives is called
// with the manager locked.
func (m *Manager) hearing(p *pkg, t Target, o Outcome) func(*known) *known {
	at := *o.Record.CheckedAt
	return func(was *known) *known {
		mine := was.of(t.Revision)
		nothing := o.silent || !t.asks() && o.Status() != Error
		if nothing && mine && was.Source == SourceApp && !p.expired(m.opts, at) {
			return was // a silent hook does not replace what an app said
		}
		if !t.asks() && o.Status() != Error {
			return nil // nothing known: no hook
		}
		k := &known{Record: o.Record, Rolled: o.rolled}
		k.Since = since(was, k, at)
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
