package public_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/needs"
)

// metric lines of a scrape, without comments.
func scrape(b *bench) []string {
	b.t.Helper()
	var lines []string
	for line := range strings.Lines(b.ask("GET /metrics").body) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestMetricsOfTheHostAreForEverybody(t *testing.T) {
	b := open(t, sick(), tcp())
	b.eventually("GET /readyz", 200)
	want := []string{
		`pkgd_health_level{level="DEGRADED"} 0`, `pkgd_health_level{level="FAULT"} 1`,
		`pkgd_health_level{level="OK"} 0`, `pkgd_health_level{level="UNKNOWN"} 0`,
		`pkgd_health_transitions_total{status="active"} 0`, `pkgd_health_transitions_total{status="blocked"} 0`,
		`pkgd_health_transitions_total{status="error"} 0`, `pkgd_health_transitions_total{status="maintenance"} 0`,
		`pkgd_health_transitions_total{status="unknown"} 0`, `pkgd_health_transitions_total{status="waiting"} 0`,
		`pkgd_oldest_check_timestamp_seconds 1.7145648e+09`,
		`pkgd_packages{status="active"} 1`, `pkgd_packages{status="blocked"} 0`, `pkgd_packages{status="error"} 1`,
		`pkgd_packages{status="maintenance"} 0`, `pkgd_packages{status="unknown"} 0`, `pkgd_packages{status="waiting"} 0`,
		`pkgd_packages_stale 0`, `pkgd_ready 1`,
	}
	var got []string
	for _, line := range scrape(b) {
		name, _, _ := strings.Cut(strings.ReplaceAll(line, "{", " "), " ")
		switch name {
		case "pkgd_loop_alive_timestamp_seconds": // is another at every scrape
		case "pkgd_changes_total", "pkgd_packages_held", "pkgd_packages_last_change", "pkgd_packages_refused", "pkgd_warnings": // come when they are counted
		default:
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMetricsOfPackagesAreForWhoMayKnowTheirNames(t *testing.T) {
	for expose, want := range map[string][2]bool{"counts": {false, false}, "names": {true, false}, "full": {true, true}} {
		all := strings.Join(scrape(open(t, sick(), tcp(exposing(expose)))), "\n")
		got := [2]bool{
			strings.Contains(all, `pkgd_package_status{package="web",status="error"} 1`) && strings.Contains(all, `pkgd_build_info{version="7.7.7"} 1`),
			strings.Contains(all, `pkgd_package_check_health{check="disk",health="fail",package="web"} 1`) && strings.Contains(all, "go_goroutines"),
		}
		if got != want {
			t.Errorf("%s: got %v\n%s", expose, got, all)
		}
	}
}

// A scraper's HEAD must not be told that there is nothing, nor how long it is:
// that differs from one scrape to the next.
func TestHeadOfMetricsIsThatOfGet(t *testing.T) {
	b := open(t, sick(), tcp())
	get, head := b.ask("GET /metrics"), b.ask("HEAD /metrics")
	if length := head.Header.Get("Content-Length"); length != "" || head.body != "" {
		t.Errorf("Content-Length %q, body %q", length, head.body)
	}
	if got, want := head.Header.Get("Content-Type"), get.Header.Get("Content-Type"); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}

func TestTransitionsAreCounted(t *testing.T) {
	h := newHost()
	b := open(t, h, unixSocket(t))
	for range 2 {
		h.turn(api.Transition{To: "error"})
	}
	h.turn(api.Transition{To: "nonsense"})
	if all := strings.Join(scrape(b), "\n"); !strings.Contains(all, `pkgd_health_transitions_total{status="error"} 2`) {
		t.Errorf("got\n%s", all)
	}
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	promtool := needs.Program(t, "promtool", "prometheus")
	for _, expose := range []string{"counts", "names", "full"} {
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(open(t, sick(), tcp(exposing(expose))).ask("GET /metrics").body)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", expose, err, out)
		}
	}
}
