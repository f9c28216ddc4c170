package public_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/needs"
)

// busy is a host to which things have happened.
func busy() *host {
	h := newHost(record("web", "active"), record("db", "active"))
	told := time.Unix(1700000100, 0)
	h.counts = api.Figures{
		Ended:    map[api.Ended]uint64{{Kind: "refresh", Outcome: "reverted"}: 2, {Kind: "install", Outcome: "done"}: 3},
		Warnings: 4,
		Packages: []api.PackageFigures{
			{Name: "web", Refused: true, Outcome: "reverted", EndedAt: time.Unix(1700000000, 0)},
			{Name: "db", Held: true, Outcome: "done", EndedAt: time.Unix(1600000000, 0)},
			{Name: "new"},
		},
	}
	h.outbox = api.Outbox{
		URL: "https://fleet.example", Changes: 5, Rest: 6, Bytes: 700, Delivered: 8, Failures: 9, LastExchange: &told,
		Lost: api.Lost{Changes: 1, Runs: 2, Refused: 3},
	}
	return h
}

// about is the metric lines that have one of the beginnings, and say something.
func about(b *bench, beginnings ...string) (lines []string) {
	for _, line := range scrape(b) {
		for _, beginning := range beginnings {
			if strings.HasPrefix(line, "pkgd_"+beginning) && !strings.HasSuffix(line, " 0") {
				lines = append(lines, strings.TrimPrefix(line, "pkgd_"))
			}
		}
	}
	return lines
}

// counted awaits the first figures.
func counted(b *bench) *bench {
	for !strings.Contains(b.ask("GET /metrics").body, "pkgd_warnings") {
	}
	return b
}

func TestChangesAreCountedForEverybody(t *testing.T) {
	b := counted(open(t, busy(), tcp()))
	want := []string{
		`changes_total{kind="install",outcome="done"} 3`, `changes_total{kind="refresh",outcome="reverted"} 2`,
		`packages_held 1`, `packages_last_change{outcome="done"} 1`, `packages_last_change{outcome="reverted"} 1`,
		`packages_refused 1`, `warnings 4`,
	}
	if diff := cmp.Diff(want, about(b, "changes", "packages_held", "packages_last", "packages_refused", "warnings")); diff != "" {
		t.Error(diff)
	}
	if all := scrape(b); len(about(b, "package_")) > 0 || !strings.Contains(strings.Join(all, "\n"), `pkgd_changes_total{kind="revert",outcome="revert-failed"} 0`) {
		t.Errorf("got %q", all)
	}
}

func TestWhatHappenedToAPackageIsForWhoMayKnowItsName(t *testing.T) {
	b := counted(open(t, busy(), tcp(exposing("names"))))
	want := []string{
		`package_held{package="db"} 1`,
		`package_last_change{outcome="done",package="db"} 1`, `package_last_change{outcome="reverted",package="web"} 1`,
		`package_last_change_timestamp_seconds{package="db"} 1.6e+09`, `package_last_change_timestamp_seconds{package="web"} 1.7e+09`,
		`package_refused{package="web"} 1`,
	}
	if diff := cmp.Diff(want, about(b, "package_held", "package_last", "package_refused")); diff != "" {
		t.Error(diff)
	}
}

func TestReportsThatWaitAreCountedWhereThereIsACollector(t *testing.T) {
	h := busy()
	want := []string{
		`reports_delivered_total 8`, `reports_failures 9`, `reports_last_exchange_timestamp_seconds 1.7000001e+09`,
		`reports_lost_total{kind="change"} 1`, `reports_lost_total{kind="refused"} 3`, `reports_lost_total{kind="run"} 2`,
		`reports_waiting{kind="change"} 5`, `reports_waiting{kind="rest"} 6`, `reports_waiting_bytes 700`,
	}
	if diff := cmp.Diff(want, about(counted(open(t, h, tcp())), "reports")); diff != "" {
		t.Error(diff)
	}
	h.outbox.URL = ""
	if lines := about(counted(open(t, h, tcp())), "reports"); len(lines) > 0 {
		t.Errorf("no collector: %q", lines)
	}
}

func TestAChangeThatEndsIsCountedAtOnce(t *testing.T) {
	h := busy()
	open(t, h, tcp())
	<-h.counted
	h.mu.Lock()
	tell := h.change
	h.mu.Unlock()
	for _, chg := range []api.Change{{}, {Ready: true}} {
		data, err := json.Marshal(chg)
		if err != nil {
			t.Fatal(err)
		}
		tell(api.Event{Type: "change", Data: data})
	}
	<-h.counted
}

func TestAScrapeThatFindsOldFiguresHasThemCountedAgain(t *testing.T) {
	h := busy()
	b := open(t, h, tcp())
	<-h.counted
	for len(h.counted) == 0 {
		b.ask("GET /metrics")
	}
}

func TestPromtoolAcceptsTheFigures(t *testing.T) {
	cmd := exec.Command(needs.Program(t, "promtool", "prometheus"), "check", "metrics")
	cmd.Stdin = strings.NewReader(counted(open(t, busy(), tcp(exposing("full")))).ask("GET /metrics").body)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
