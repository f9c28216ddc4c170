package healthstate

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Snapshot is the health of the host at one moment. It is shared: read it only.
type Snapshot struct {
	Health api.Health
	At     time.Time // when it last changed
	ETag   string    // changes with what is said, not with when it was said again

	of *board
}

// board is what the rows are at one moment, sorted by package. It is never
// changed; the next one shares the rows that stayed.
type board struct {
	rows  []*row
	at    time.Time
	state uint64 // grows when a row says something else
}

func (b *board) find(name string) (int, bool) {
	return slices.BinarySearchFunc(b.rows, name, func(r *row, name string) int {
		return cmp.Compare(r.rec.Package, name)
	})
}

// with is the board with next in the place of the package's row; a nil next
// removes it.
func (b *board) with(name string, next *row, now time.Time) *board {
	i, found := b.find(name)
	var old *row
	if found {
		old = b.rows[i]
	}
	rows := make([]*row, 0, len(b.rows)+1)
	rows = append(rows, b.rows[:i]...)
	if next != nil {
		rows = append(rows, next)
	}
	if found {
		i++
	}
	rows = append(rows, b.rows[i:]...)
	state := b.state
	if !says(old, next) {
		state++
	}
	return &board{rows: rows, at: now, state: state}
}

// says tells whether two rows say the same to a reader who does not care when.
func says(a, b *row) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := a.rec, b.rec
	return a.counted == b.counted && x.Revision == y.Revision && x.Stale == y.Stale &&
		x.Status == y.Status && x.Code == y.Code && x.Message == y.Message &&
		slices.Equal(x.Blockers, y.Blockers) && slices.EqualFunc(x.Checks, y.Checks, sameWords)
}

func sameWords(a, b api.Check) bool {
	return sameResult(a, b) && a.Message == b.Message && sameQoS(a.QoS, b.QoS)
}

func sameQoS(a, b *float64) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Snapshot gives all records and the host's level. It takes no lock and touches
// no disk: the first reader after a change puts the snapshot together, the others
// get the same one.
func (m *Manager) Snapshot() *Snapshot {
	b := m.board.Load()
	if s := m.snap.Load(); s != nil && s.of == b {
		return s
	}
	s := &Snapshot{At: b.at, of: b, ETag: `"` + m.boot + "-" + strconv.FormatUint(b.state, 36) + `"`}
	s.Health.Level, s.Health.Counts = level(b.rows)
	s.Health.Packages = make([]api.Record, len(b.rows))
	for i, r := range b.rows {
		s.Health.Packages[i] = r.rec
	}
	m.snap.Store(s)
	return s
}

// Host is the health of the host; see Snapshot.
func (m *Manager) Host() api.Health { return m.Snapshot().Health }

// Record is what is known of one package, or false when it is not tracked. Like
// Snapshot it takes no lock.
func (m *Manager) Record(name string) (api.Record, bool) {
	b := m.board.Load()
	i, found := b.find(name)
	if !found {
		return api.Record{}, false
	}
	return b.rows[i].rec, true
}
