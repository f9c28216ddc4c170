package pkgstate

import (
	"maps"

	"pkgd.io/pkgd/internal/api"
)

// Figures counts for monitoring. It locks the state and may wait for it.
func (m *Manager) Figures() api.Figures {
	m.st.Lock()
	defer m.st.Unlock()
	f := api.Figures{Ended: maps.Clone(m.ended), Warnings: len(m.st.Warnings())}
	for _, p := range m.installed() {
		f.Packages = append(f.Packages, m.figuresOf(p))
	}
	return f
}

func (m *Manager) figuresOf(p *packageState) api.PackageFigures {
	f := api.PackageFigures{Name: p.Name, Held: p.Hold != nil && p.Hold.active(), Refused: m.refusesNewer(p)}
	var why api.Why
	if err := m.st.Get(whyKey(p.Name), &why); err == nil {
		f.Outcome, f.EndedAt = why.Outcome, why.At
	}
	return f
}

// refusesNewer tells whether content that came after what runs is refused, also
// when the time for which it was is over and nobody has tried again. What is
// older than what runs is nobody's concern any more.
func (m *Manager) refusesNewer(p *packageState) bool {
	rs, err := m.refusals(p.Name)
	if err != nil {
		return false
	}
	for _, r := range rs {
		if r.Revision > p.Current {
			return true
		}
	}
	return false
}

// countEnded counts how a change of a package's revision ended. The state is
// locked.
func (m *Manager) countEnded(why api.Why) {
	if m.ended == nil {
		m.ended = map[api.Ended]uint64{}
	}
	m.ended[api.Ended{Kind: why.Kind, Outcome: why.Outcome}]++
}
