package healthstate

import (
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Of is the health that some packages' records come to, by the host's rule. All
// of them count.
func Of(records []api.Record) api.Health {
	return NewSnapshot(records, time.Time{}, "", nil).Health
}

// NewSnapshot puts records, which are sorted by package, together as if they
// were all of a host's. The packages that silent names do not count.
func NewSnapshot(records []api.Record, at time.Time, etag string, silent []string) *Snapshot {
	b := &board{at: at}
	for _, rec := range records {
		b.rows = append(b.rows, &row{rec: rec, counted: true})
	}
	for _, name := range silent {
		if i, found := b.find(name); found {
			b.rows[i].counted = false
		}
	}
	s := &Snapshot{At: at, ETag: etag, of: b}
	s.Health.Packages = records
	s.Health.Level, s.Health.Counts = level(b.rows)
	return s
}

// Counts says whether a package counts for the host's level: it has a hook, or
// an app has set a record.
func (s *Snapshot) Counts(name string) bool {
	i, found := s.of.find(name)
	return found && s.of.rows[i].counted
}
