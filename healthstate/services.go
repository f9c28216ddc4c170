package healthstate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/service"
)

// upkeep is how the services of a package are that should be up.
type upkeep struct {
	broken   string // one that is down and stays so, with the reason; empty: none
	between  string // one that ended and is about to be started again; empty: none
	starting string // one that runs and is not ready; empty: none
	restarts int    // of all, since they were started
	again    string // one that was started again, with how it had ended; empty: none was
	any      bool   // there are some
}

// down names a service that does not run, with the reason.
func (u upkeep) down() string {
	if u.broken != "" {
		return u.broken
	}
	return u.between
}

func (u upkeep) allUp() bool { return u.any && u.down() == "" && u.starting == "" }

// look asks the service manager how the services of t are; before are those that
// were up before a switch, and count as far as the revision still has them.
func (m *Manager) look(ctx context.Context, t Target, before []string) (upkeep, error) {
	if m.svc == nil || len(t.Services)+len(before) == 0 {
		return upkeep{}, nil
	}
	all, err := m.svc.Status(ctx, t.Name)
	if err != nil {
		return upkeep{}, fmt.Errorf("cannot see how the services of package %q are: %w", t.Name, err)
	}
	var u upkeep
	for _, s := range all {
		if s.Revision == t.Revision && (slices.Contains(t.Services, s.Name) || slices.Contains(before, s.Name)) {
			u.add(s)
		}
	}
	for _, name := range t.Services {
		if !slices.ContainsFunc(all, func(s service.Status) bool { return s.Name == name && s.Revision == t.Revision }) {
			u.any = true
			u.broken = first(u.broken, name+" was not started")
		}
	}
	return u, nil
}

func (u *upkeep) add(s service.Status) {
	u.any = true
	u.restarts += s.Restarts
	if s.Restarts > 0 {
		u.again = first(u.again, startedAgain(s))
	}
	switch {
	case s.State == service.Active:
	case s.State != service.Activating:
		u.broken = first(u.broken, why(s))
	case s.PID == 0:
		u.between = first(u.between, why(s))
	default:
		u.starting = first(u.starting, why(s))
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func startedAgain(s service.Status) string {
	if s.Ended == "" {
		return s.Name + " had to be started again"
	}
	return s.Name + " " + s.Ended + " and was started again"
}

func why(s service.Status) string {
	if s.Ended != "" && strings.HasPrefix(s.Detail, s.Ended) {
		return s.Name + " " + s.Detail // which is a sentence
	}
	text := s.Name + " is " + s.State
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	return text
}

// After an event of a service the package is asked soon, but not at once: a
// service that is started again at once was not down at rest, and one that
// flaps must not make its hook run all the time.
const (
	lookAfter = time.Second
	lookEvery = 5 * time.Second
)

// hear takes an event of a service as a hint to ask its package.
func (m *Manager) hear(ev service.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pkgs[ev.Package]; p != nil && len(p.target.Services) > 0 && !m.paused[ev.Package] {
		m.askSoon(p)
	}
}

func (m *Manager) askSoon(p *pkg) {
	p.hint = time.Now().Add(lookAfter)
	if next := p.lastRun.Add(lookEvery); next.After(p.hint) {
		p.hint = next
	}
	if p.hint.Before(p.due) {
		p.due = p.hint
		m.enqueue(p)
	}
}

// events gives a token whenever something happened to a service of the package.
func (m *Manager) events(name string) (<-chan struct{}, func()) {
	hint := make(chan struct{}, 1)
	if m.svc == nil {
		return hint, func() {}
	}
	return hint, m.svc.Subscribe(func(ev service.Event) {
		if ev.Package != name {
			return
		}
		select {
		case hint <- struct{}{}:
		default: // it will look anyway
		}
	})
}
