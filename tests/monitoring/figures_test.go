package monitoring_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metrics are those lines of /metrics that begin so, and are not 0.
func (h *host) metrics(prefixes ...string) []string {
	h.t.Helper()
	tcp, _ := h.doors()
	seen := map[string]bool{}
	for line := range strings.Lines(tcp.ask("/metrics").body) {
		line = strings.TrimSpace(line)
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix+"{") && !strings.HasSuffix(line, " 0") || strings.HasPrefix(line, prefix+" ") {
				seen[line] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestMetricsCountWhatReallyHappened(t *testing.T) {
	t.Parallel()
	h := newHost(t, "listen:\n  - {url: tcp://127.0.0.1:8092, expose: full}\n")
	counted := []string{
		"pkgd_changes_total", "pkgd_packages_last_change", "pkgd_packages_held", "pkgd_packages_refused", "pkgd_package_held",
		"pkgd_package_refused", "pkgd_package_last_change", "pkgd_package_revision", "pkgd_warnings",
	}
	want := func(when string, lines ...string) {
		t.Helper()
		slices.Sort(lines)
		var got []string
		for range 3000 { // what is scraped is what was counted before
			if got = h.metrics(counted...); slices.Equal(got, lines) {
				return
			}
		}
		t.Fatalf("%s (-want +got):\n%s", when, cmp.Diff(lines, got))
	}
	want("nothing has happened", "pkgd_packages_held 0", "pkgd_packages_refused 0", "pkgd_warnings 0")
	h.has("web", "db")
	want("installed",
		`pkgd_changes_total{kind="install",outcome="done"} 2`, `pkgd_packages_last_change{outcome="done"} 2`,
		`pkgd_package_last_change{outcome="done",package="db"} 1`, `pkgd_package_last_change{outcome="done",package="web"} 1`,
		`pkgd_package_revision{package="db"} 1`, `pkgd_package_revision{package="web"} 1`,
		"pkgd_packages_held 0", "pkgd_packages_refused 0", "pkgd_warnings 0")
	h.must(10, "refresh", h.tree("web", "2.0", "#!/bin/sh\nctl set-health --code=too-new error Broken\n"))
	h.must(0, "hold", "db")
	reverted := []string{
		`pkgd_changes_total{kind="install",outcome="done"} 2`, `pkgd_changes_total{kind="refresh",outcome="reverted"} 1`,
		`pkgd_packages_last_change{outcome="done"} 1`, `pkgd_packages_last_change{outcome="reverted"} 1`,
		`pkgd_package_last_change{outcome="done",package="db"} 1`, `pkgd_package_last_change{outcome="reverted",package="web"} 1`,
		`pkgd_package_revision{package="db"} 1`, `pkgd_package_revision{package="web"} 1`,
		`pkgd_package_held{package="db"} 1`, `pkgd_package_refused{package="web"} 1`,
		"pkgd_packages_held 1", "pkgd_packages_refused 1", "pkgd_warnings 1",
	}
	want("taken back, and another held", reverted...)
	h.must(0, "okay")
	reverted[len(reverted)-1] = "pkgd_warnings 0"
	want("the admin has seen the warning", reverted...)
	h.must(0, "unhold", "db")
	h.must(0, "remove", "db")
	h.must(0, "refresh", h.tree("web", "3.0", hook))
	want("the fix is there, and the other package gone",
		`pkgd_changes_total{kind="install",outcome="done"} 2`, `pkgd_changes_total{kind="refresh",outcome="reverted"} 1`,
		`pkgd_changes_total{kind="refresh",outcome="done"} 1`, `pkgd_changes_total{kind="remove",outcome="done"} 1`,
		`pkgd_packages_last_change{outcome="done"} 1`, `pkgd_package_last_change{outcome="done",package="web"} 1`,
		`pkgd_package_revision{package="web"} 3`, "pkgd_packages_held 0", "pkgd_packages_refused 0", "pkgd_warnings 0")
}
