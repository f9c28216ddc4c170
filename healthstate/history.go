package healthstate

import (
	"encoding/json"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Transitions are kept for this long and this many a package, whichever is less.
const (
	HistoryAge  = 90 * 24 * time.Hour
	HistorySize = 1000
)

func journal(name string) string { return "health-history/" + name }

// History gives the transitions of a package, newest first; a limit of 0 gives
// all that are kept. It reads the disk.
func (m *Manager) History(name string, limit int) ([]api.Transition, error) {
	if _, ok := m.Record(name); !ok {
		return nil, notInstalled(name)
	}
	if limit <= 0 || limit > HistorySize {
		limit = HistorySize
	}
	list := []api.Transition{}
	oldest := time.Now().Add(-HistoryAge)
	err := m.st.Journal(journal(name), func(raw json.RawMessage) bool {
		var t api.Transition
		if json.Unmarshal(raw, &t) != nil {
			return true // one damaged line hides no other
		}
		if t.At.Before(oldest) {
			return false
		}
		list = append(list, t)
		return len(list) < limit
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the history of package %q: %w", name, err)
	}
	return list, nil
}

// trimEvery is how many transitions of a package come between two trims: one
// reads all that is kept.
const trimEvery = 64

// appendHistory keeps one more transition, and now and then drops what is too
// old or too much. The state is locked.
func (m *Manager) appendHistory(p *pkg, t api.Transition) {
	name := journal(t.Package)
	m.st.Append(name, t)
	p.appended++
	if p.appended%trimEvery != 1 {
		return
	}
	oldest := t.At.Add(-HistoryAge)
	m.st.TrimJournal(name, HistorySize, func(raw json.RawMessage) bool {
		var old api.Transition
		return json.Unmarshal(raw, &old) == nil && old.At.Before(oldest)
	})
}

func notInstalled(name string) error {
	return &api.Error{Kind: api.ErrNotInstalled, Message: fmt.Sprintf("package %q is not installed", name)}
}
