package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// statuses are all health statuses, in the order in which they are counted.
func statuses() []string {
	return []string{"active", "waiting", "maintenance", "blocked", "error", "unknown"}
}

// levelCode is the exit code of a monitoring plug-in for a level.
func levelCode(level string) int {
	switch level {
	case "OK":
		return 0
	case "DEGRADED":
		return 1
	case "FAULT":
		return 2
	}
	return exitUnknown
}

// recordLevel is the host's rule (design of health levels) applied to one
// package alone: if its record has gone stale, then every record has. A record
// that merely stands over from before pkgd started is taken at its word, and a
// package without a hook, of which nothing was ever heard, is not counted.
func recordLevel(r api.Record) string {
	switch {
	case r.Status == "error" || r.Status == "blocked" || r.Code == "pkgd-stale":
		return "FAULT"
	case r.Status == "active" && (r.QoS == nil || *r.QoS >= 1):
		return "OK"
	case r.Status == "unknown" && r.Code == "" && r.CheckedAt == nil && r.NextCheck == nil:
		return "UNKNOWN"
	}
	return "DEGRADED"
}

// endWith turns a level into the exit code of health and check.
func endWith(level string) error {
	if code := levelCode(level); code != exitDone {
		return exit(code)
	}
	return nil
}

// hostLine is what a monitoring system reads of the host: "OK - 3 packages: 3 active".
func (a *app) hostLine(h api.Health) string {
	return a.out.status(h.Level) + " - " + countWords(h.Counts) + a.performance(h.Counts)
}

// countWords is "3 packages: 2 active, 1 error", or "0 packages".
func countWords(counts map[string]int) string {
	total := 0
	for _, n := range counts {
		total += n
	}
	var parts []string
	for _, s := range statuses() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return human.Count(total, "package")
	}
	return human.Count(total, "package") + ": " + strings.Join(parts, ", ")
}

// recordLine is what a monitoring system reads of one package.
func (a *app) recordLine(r api.Record) string {
	line := a.out.status(recordLevel(r)) + " - " + strings.TrimSpace(r.Package+" "+r.Version) + ": "
	// A bar would begin the performance data in the midst of the message.
	line += strings.ReplaceAll(healthWords(r), "|", "/")
	return line + a.performance(map[string]int{r.Status: 1})
}

// performance is the plug-ins' performance data. On a terminal nobody reads them.
func (a *app) performance(counts map[string]int) string {
	if a.env.StdoutTerminal {
		return ""
	}
	return " |" + statusData(counts)
}

// statusData is how many packages have each status, as performance data.
func statusData(counts map[string]int) string {
	line := ""
	for _, s := range statuses() {
		line += fmt.Sprintf(" %s=%d", s, counts[s])
	}
	return line
}

// worstFirst orders records for people: what needs them comes first.
func worstFirst(records []api.Record) []api.Record {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(x, y api.Record) int {
		return cmp.Or(cmp.Compare(recordRank(x), recordRank(y)), cmp.Compare(x.Package, y.Package))
	})
	return sorted
}

// rankUnknown and rankUncounted are ranks of what is unknown, and of what does
// not count because nobody ever says anything of it.
const (
	rankUnknown   = 2
	rankUncounted = 9
)

// recordRank orders records by how much they need somebody: the least first.
func recordRank(r api.Record) int {
	if recordLevel(r) == "UNKNOWN" {
		return rankUncounted
	}
	rank := slices.Index([]string{"error", "blocked", "unknown", "maintenance", "waiting", "active"}, r.Status)
	if rank < 0 {
		return rankUnknown // a word of a newer pkgd
	}
	return rank
}
