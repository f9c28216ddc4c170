package monitoring_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dashboard is what of Grafana's format is looked at here.
type dashboard struct {
	Title, UID  string
	Templating  struct{ List []variable }
	Annotations struct {
		List []struct{ Expr string }
	}
	Panels []panel
}

type variable struct {
	Name, Type, Definition string
}

type panel struct {
	ID          int
	Title, Type string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "packaging/monitoring/grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries are what the dashboard asks of Prometheus, by panel, as Grafana would
// send them for all hosts.
func (d dashboard) queries() map[string]string {
	all := map[string]string{}
	filled := strings.NewReplacer("$job", ".+", "$instance", ".+", "$__rate_interval", "1h")
	for _, a := range d.Annotations.List {
		all["annotation"] = filled.Replace(a.Expr)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all[p.Title+" "+q.RefID] = filled.Replace(q.Expr)
		}
	}
	return all
}

func TestDashboardIsWhatGrafanaReads(t *testing.T) {
	d := readDashboard(t)
	ids := map[int]bool{}
	taken := map[string]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || !slices.Contains([]string{"stat", "table", "timeseries", "state-timeline"}, p.Type) || len(p.Targets) == 0 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprint(x, ",", y)
				if taken[at] != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beside the page", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		for _, q := range p.Targets {
			for _, v := range regexp.MustCompile(`\$\w+`).FindAllString(q.Expr, -1) {
				if v != "$job" && v != "$instance" {
					t.Errorf("%s: %s is no variable", p.Title, v)
				}
			}
		}
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]string{"datasource", "job", "instance"}, names); diff != "" || d.UID != "pkgd" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

// families are the metrics that a text names.
func families(text string) map[string]bool {
	all := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bpkgd_\w+`).FindAllString(text, -1) {
		all[name] = true
	}
	return all
}

// withAll is a host of which every metric can be told: packages with checks, one
// of them taken back, held and refused, and a collector that nobody answers for.
const withAll = "fleet: {url: 'http://127.0.0.1:9', interval: 1h}\n"

const partsHook = "#!/bin/sh\nctl add-check disk warn Low --qos=0.5\nctl set-health active\n"

func TestDashboardShowsSomethingInEveryPanel(t *testing.T) {
	t.Parallel()
	pr := newPrometheus(t, withAll)
	pr.has("web")
	pr.must(0, "install", pr.tree("parts", "1.0", partsHook))
	pr.says("web", broken)
	pr.says("web", well)
	pr.counts()
	pr.must(10, "refresh", pr.tree("web", "2.0", "#!/bin/sh\nctl set-health --code=too-new error Broken\n"))
	pr.says("web", waiting)
	for title, query := range readDashboard(t).queries() {
		eventually(t, fmt.Sprintf("%s: %s", title, query), func() bool {
			n, err := pr.ask(query)
			if err != nil && strings.HasPrefix(err.Error(), query) {
				t.Fatalf("%s: %v", title, err)
			}
			return n > 0
		})
	}
}

func TestRulesDashboardAndReferenceNameTheMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	h := newHost(t, "listen:\n  - {url: tcp://127.0.0.1:8092, expose: full}\n"+withAll)
	h.must(0, "install", h.tree("parts", "1.0", partsHook))
	tcp, _ := h.doors()
	there := map[string]bool{}
	documented := families(read(t, "docs/reference/probes.md"))
	delete(documented, "pkgd_reports_last_exchange_timestamp_seconds") // nobody has answered
	eventually(t, "all metrics of the reference", func() bool {
		there = map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (pkgd_\w+) `).FindAllStringSubmatch(tcp.ask("/metrics").body, -1) {
			there[m[1]] = true
		}
		return maps.Equal(documented, there)
	})
	for _, file := range []string{rulesFile, "packaging/monitoring/grafana-dashboard.json", "docs/how-to/monitor-with-prometheus.md"} {
		for name := range families(read(t, file)) {
			if !there[name] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}
