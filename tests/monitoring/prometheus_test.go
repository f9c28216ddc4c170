package monitoring_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/needs"
	"pkgd.io/pkgd/tests/daemontest"
)

const rulesFile = "packaging/monitoring/prometheus-rules.yml"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAlertRulesSayWhatTheyShouldOfEveryKindOfTrouble(t *testing.T) {
	t.Parallel()
	promtool := needs.Program(t, "promtool", "prometheus")
	rules, err := filepath.Abs(filepath.Join(root, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.ReplaceAll(read(t, "tests/monitoring/testdata/prometheus-rules-test.yml"), "RULES", rules)
	for _, alert := range alerts(t) {
		if !strings.Contains(examples, "alertname: "+alert+"\n        exp_alerts:") {
			t.Errorf("no example has %s fire", alert)
		}
	}
	file := write(t, filepath.Join(shortDir(t), "test.yml"), examples, 0o644)
	if code, out := exitOf(t, exec.Command(promtool, "test", "rules", file)); code != 0 {
		t.Errorf("%s", out)
	}
}

// alerts are the names of all alerts that there are rules for.
func alerts(t *testing.T) (all []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(read(t, rulesFile), -1) {
		all = append(all, m[1])
	}
	return all
}

func TestPrometheusPageNamesEveryAlert(t *testing.T) {
	p := readPage(t, "prometheus")
	for _, alert := range alerts(t) {
		if !strings.Contains(p.text, "`"+alert+"`") {
			t.Errorf("the page does not tell of %s", alert)
		}
	}
}

// prometheus is one that runs as its page says, but looks every second, and
// alerts as soon as it sees.
type prometheus struct {
	*host
	page *page
	at   string
	told *daemontest.Log // what the alert manager was sent
}

func newPrometheus(t *testing.T, config string) *prometheus {
	t.Helper()
	program := needs.Program(t, "prometheus", "prometheus")
	needs.Program(t, "promtool", "prometheus")
	p := readPage(t, "prometheus")
	h := newHost(t, p.file("/etc/pkgd/pkgd.yaml")+config)
	h.paths = []string{"/etc/prometheus/", h.dir + "/"}
	told := &daemontest.Log{}
	manager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(told, r.Body) }))
	t.Cleanup(manager.Close)
	h.at["9093"] = strings.TrimPrefix(manager.URL, "http://")
	rules := regexp.MustCompile(`for: \d+m`).ReplaceAllString(read(t, rulesFile), "for: 0s")
	write(t, filepath.Join(h.dir, "pkgd-rules.yml"), rules, 0o644)
	config = strings.ReplaceAll(h.here(p.file("/etc/prometheus/prometheus.yml")), "30s", "1s")
	file := write(t, filepath.Join(h.dir, "prometheus.yml"), config, 0o644)
	p.shows(h, "promtool check config /etc/prometheus/prometheus.yml")
	at := h.here("127.0.0.1:9090")
	h.runs(program, "--config.file="+file, "--web.listen-address="+at, "--storage.tsdb.path="+filepath.Join(h.dir, "tsdb"))
	return &prometheus{h, p, at, told}
}

func TestPrometheusAlertsWhileAPackageIsBrokenAndAfterARevert(t *testing.T) {
	t.Parallel()
	pr := newPrometheus(t, "")
	pr.has("web")
	const (
		level  = `promtool query instant http://127.0.0.1:9090 'pkgd_health_level == 1' | sed 's/ @.*//'`
		firing = `promtool query instant http://127.0.0.1:9090 'ALERTS{alertstate="firing"}' | sed 's/ @.*//'`
	)
	pr.page.shows(pr.host, level)
	pr.says("web", broken)
	pr.page.shows(pr.host, firing)
	eventually(t, "the alert manager hears of it", func() bool {
		return strings.Contains(pr.told.String(), `"summary":"web on `+pr.host.at["8092"]+` is error"`)
	})
	pr.says("web", well)
	pr.page.shows(pr.host, firing)
	pr.counts()
	pr.must(10, "refresh", pr.tree("web", "2.0", "#!/bin/sh\nctl set-health --code=too-new error Broken\n"))
	pr.page.shows(pr.host, firing)
}

// counts awaits that Prometheus has seen how many updates were taken back before:
// an increase is seen between two scrapes.
func (pr *prometheus) counts() {
	pr.t.Helper()
	eventually(pr.t, "Prometheus knows of no update that was taken back", func() bool {
		n, err := pr.ask(`pkgd_changes_total{kind="refresh", outcome="reverted"} == 0`)
		return err == nil && n == 1
	})
}

// ask gives how many series a query has now.
func (pr *prometheus) ask(query string) (series int, err error) {
	resp, err := client.Get("http://" + pr.at + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("%s: %s", query, answer.Error)
	}
	return len(answer.Data.Result), nil
}
