package daemon

import "pkgd.io/pkgd/internal/api"

// rollUp is the health of some packages, by the host's rule (design: one that
// is broken or wants a person makes a fault, anything else that is not well
// makes it degraded). The host's own is not made here: it knows which packages
// count.
func rollUp(records []api.Record) api.Health {
	h := api.Health{Level: "UNKNOWN", Counts: map[string]int{}, Packages: records}
	stale := 0
	for _, rec := range records {
		h.Counts[rec.Status]++
		if rec.Stale {
			stale++
		}
		h.Level = worse(h.Level, levelOf(rec))
	}
	if stale > 0 && stale == len(records) {
		h.Level = "FAULT"
	}
	return h
}

func levelOf(rec api.Record) string {
	switch {
	case rec.Status == "error" || rec.Status == "blocked":
		return "FAULT"
	case rec.Status != "active" || rec.Stale || (rec.QoS != nil && *rec.QoS < 1):
		return "DEGRADED"
	}
	return "OK"
}

func worse(a, b string) string {
	rank := map[string]int{"UNKNOWN": 0, "OK": 1, "DEGRADED": 2, "FAULT": 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
