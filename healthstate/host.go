package healthstate

import "pkgd.io/pkgd/internal/api"

// The levels of a host (design §2).
const (
	LevelOK       = "OK"       // every package that counts is active
	LevelDegraded = "DEGRADED" // something is not quite well
	LevelFault    = "FAULT"    // something is blocked or error, or all is stale
	LevelUnknown  = "UNKNOWN"  // nothing counts
)

// row is what is published of one package. It is never changed.
type row struct {
	rec     api.Record
	counted bool // for the host's level: it has a hook, or somebody set a record
}

// stale tells a record that has lost its say; one that merely waits for the
// first run after a start keeps it.
func (r *row) stale() bool { return r.rec.Code == CodeStale }

// level rolls the rows up.
func level(rows []*row) (lvl string, counts map[string]int) {
	counts = make(map[string]int, len(Statuses()))
	for _, s := range Statuses() {
		counts[string(s)] = 0
	}
	counted, stale, worst := 0, 0, 0
	for _, r := range rows {
		if !r.counted {
			continue
		}
		counted++
		counts[r.rec.Status]++
		if r.stale() {
			stale++
		}
		worst = max(worst, severity(r.rec))
	}
	switch {
	case counted == 0:
		return LevelUnknown, counts
	case worst == 2 || stale == counted:
		return LevelFault, counts
	case worst == 1:
		return LevelDegraded, counts
	}
	return LevelOK, counts
}

func severity(r api.Record) int {
	s := Status(r.Status).severity()
	if s == 0 && r.QoS != nil && *r.QoS < 1 {
		return 1
	}
	return s
}
