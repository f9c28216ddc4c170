package healthstate

import "pkgd.io/pkgd/internal/api"

// Of is the health that some packages' records come to, by the host's rule. All
// of them count.
func Of(records []api.Record) api.Health {
	rows := make([]*row, len(records))
	for i, rec := range records {
		rows[i] = &row{rec: rec, counted: true}
	}
	h := api.Health{Packages: records}
	h.Level, h.Counts = level(rows)
	return h
}
