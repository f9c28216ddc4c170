package monitoring_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/needs"
)

// rich is a hook that says everything that a hook can say.
const rich = `#!/bin/sh
ctl add-check disk warn "Nearly full: 95 %" --qos=0.5 --data=mount=/srv --data='odd=a: "b" # c'
ctl add-check port passed
ctl set-health blocked --code=needs-password --blocker=vault --blocker=admin "Wants: yes, \"no\" and 1.0"
`

// plainJSON is a document without what only its form says.
func plainJSON(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

func TestFullReportSurvivesJSONAndYAML(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	h.has("web")
	h.must(0, "install", h.tree("rich", "1.0", rich))
	h.must(0, "install", h.tree("silent", "1.0", ""))
	h.says("web", broken)
	for _, words := range [][]string{{"health"}, {"health", "rich"}, {"health", "web", "--history"}} {
		status := 2
		if len(words) == 3 {
			status = 0
		}
		js := h.must(status, append(words, "--format=json")...)
		js, _, _ = strings.Cut(js, "\nthe ") // what people are told besides
		var typed any = &api.Health{}
		switch len(words) {
		case 2:
			typed = &api.Record{}
		case 3:
			typed = &[]api.Transition{}
		}
		strict := json.NewDecoder(strings.NewReader(js))
		strict.DisallowUnknownFields()
		if err := strict.Decode(typed); err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		again, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plainJSON(t, js), plainJSON(t, string(again))); diff != "" {
			t.Errorf("%q through JSON (-want +got):\n%s", words, diff)
		}
		var fromYAML any
		if err := yaml.Unmarshal([]byte(h.must(status, append(words, "--format=yaml")...)), &fromYAML); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plainJSON(t, js), plainJSON(t, string(asJSON))); diff != "" {
			t.Errorf("%q through YAML (-want +got):\n%s", words, diff)
		}
	}
	var rec api.Record
	if err := json.Unmarshal([]byte(h.must(2, "health", "rich", "--format=json")), &rec); err != nil {
		t.Fatal(err)
	}
	half := 0.5
	want := []api.Check{
		{Name: "disk", Health: "warn", Message: "Nearly full: 95 %", QoS: &half, Data: map[string]string{"mount": "/srv", "odd": `a: "b" # c`}},
		{Name: "port", Health: "passed", Data: map[string]string{}},
	}
	if diff := cmp.Diff(want, rec.Checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"admin", "vault"}, rec.Blockers); diff != "" || rec.Duration <= 0 || rec.QoS == nil || *rec.QoS != half || *rec.Health != "warn" {
		t.Errorf("got %+v\n%s", rec, diff)
	}
}

// Debian's plug-ins are checks as they stand: one is the program itself, the
// others get their options from a line of shell.
func TestMonitoringPluginsAreChecksAsTheyStand(t *testing.T) {
	t.Parallel()
	http := needs.Program(t, "check_http", "monitoring-plugins-basic")
	disk := needs.Program(t, "check_disk", "monitoring-plugins-basic")
	procs := needs.Program(t, "check_procs", "monitoring-plugins-basic")
	h := newHost(t, "listen: [tcp://127.0.0.1:8092]\n")
	h.answers("/livez", 200)
	at := strings.TrimPrefix(h.at["8092"], "127.0.0.1:")
	tree := h.tree("web", "1.0", "")
	plugin := func(name, line string) {
		write(t, filepath.Join(tree, "meta/health.d", name), "#!/bin/sh\n"+line+"\n", 0o755)
	}
	plugin("http", fmt.Sprintf("exec %s -I 127.0.0.1 -p $(cat $PKG_COMMON/port 2>/dev/null || echo %s) -u /livez -t 10", http, at))
	plugin("disk", "exec "+disk+" -w 0 -c 0 -p /")
	plugin("full", "exec "+disk+" -w 100% -c 0 -p /")
	program, err := os.ReadFile(procs)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(tree, "meta/health.d/procs"), string(program), 0o755)
	h.must(0, "install", tree)
	checks := func(status int) map[string]api.Check {
		t.Helper()
		var rec api.Record
		if err := json.NewDecoder(strings.NewReader(h.must(status, "check", "web", "--format=json"))).Decode(&rec); err != nil {
			t.Fatal(err)
		}
		all := map[string]api.Check{}
		for _, c := range rec.Checks {
			all[c.Name] = c
		}
		return all
	}
	says := func(c api.Check, health, message, data string) {
		t.Helper()
		if c.Health != health || !strings.HasPrefix(c.Message, message) || data != "" && c.Data[data] == "" {
			t.Errorf("got %+v, want %s %s… with %s", c, health, message, data)
		}
	}
	all := checks(0)
	says(all["http"], "passed", "HTTP OK", "time")
	says(all["disk"], "passed", "DISK OK", "/")
	says(all["full"], "warn", "DISK WARNING", "/")
	says(all["procs"], "passed", "PROCS OK", "procs")
	_, gone, _ := strings.Cut(address(t), ":")
	write(t, filepath.Join(h.root, "var/lib/pkgd/data/web/common/port"), gone, 0o644)
	all = checks(2)
	says(all["http"], "fail", "connect to address", "")
	says(all["disk"], "passed", "DISK OK", "/")
	if code, out := h.pkgd("health", "web"); code != 2 || !strings.Contains(out, "pkgd-check-failed") {
		t.Errorf("%d %s", code, out)
	}
}
