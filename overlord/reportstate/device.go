package reportstate

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// Where things are kept in the state.
const (
	deviceKey    = "device"
	tallyKey     = "reports"
	reportPrefix = "report/"
)

// device tells this host from all others. It is made once, when reports are
// first wanted.
type device struct {
	ID     string `json:"id"`
	Starts uint64 `json:"starts"` // of pkgd with a collector
}

// tally is what is counted since the device got its id.
type tally struct {
	Lost    api.Lost            `json:"lost"`
	Refused []api.WaitingReport `json:"refused,omitempty"` // the last maxRefused
}

// maxRefused is how many refused reports are shown.
const maxRefused = 16

// load finds out who this host is, names this start of pkgd, and takes in what
// waits from the last time. State and mu are locked.
func (m *Manager) load() {
	var d device
	if err := m.st.Get(deviceKey, &d); err != nil && !errors.Is(err, state.ErrNoState) || d.ID == "" {
		d = device{ID: random(16)}
	}
	d.Starts++
	m.st.Set(deviceKey, d)
	// The number gives the order. The random part keeps names apart where the
	// number was not kept: a disk that was full, a state that was restored.
	m.device, m.boot = d.ID, fmt.Sprintf("%d-%s", d.Starts, random(6))
	if err := m.st.Get(tallyKey, &m.tally); err != nil && !errors.Is(err, state.ErrNoState) {
		m.tally = tally{}
	}
	m.out = outbox{open: map[string]*report{}, unsaved: map[*report]bool{}}
	for _, r := range m.waiting() {
		m.takeIn(r)
	}
	m.keepOpen() // in the same commit as the number of this start
}

// takeIn gives a report of the last time its place. Two of a package that were
// never sent become one. State and mu are locked.
func (m *Manager) takeIn(r *report) {
	switch open := m.out.open[r.Package]; {
	case r.Kind == api.ReportChange:
		m.out.changes = append(m.out.changes, r)
	case r.Doubt:
		m.out.doubtful = append(m.out.doubtful, r)
	case open != nil:
		merge(open.Rest, r.Rest)
		m.st.SetLazy(r.key(), nil)
	default:
		m.out.open[r.Package] = r
		m.out.unsaved[r] = true
	}
}

// waiting reads the reports that wait, oldest first. What cannot be read is no
// report, and goes.
func (m *Manager) waiting() (all []*report) {
	for _, key := range m.st.Keys(reportPrefix) {
		var raw json.RawMessage
		r := new(report)
		if m.st.Get(key, &raw) != nil || json.Unmarshal(raw, &r.kept) != nil || r.key() != key || !r.whole() {
			m.st.Set(key, nil)
			m.tally.Lost.Changes++
			continue
		}
		r.size = len(raw)
		all = append(all, r)
	}
	slices.SortFunc(all, older)
	return all
}

// older orders reports by start of pkgd and sequence.
func older(a, b *report) int {
	return cmp.Or(
		cmp.Compare(starts(a.Boot), starts(b.Boot)),
		cmp.Compare(a.Boot, b.Boot),
		cmp.Compare(a.Sequence, b.Sequence),
	)
}

// starts is the number in the name of a boot.
func starts(boot string) int {
	number, _, _ := strings.Cut(boot, "-")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// random is so many random bytes as text.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
