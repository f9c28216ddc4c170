package monitoring_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/needs"
)

// item is something that Zabbix asks for, with what it makes of the answer.
type item struct {
	Name, Key, Type string
	Preprocessing   []struct {
		Type       string
		Parameters []string
	}
	Master   struct{ Key string } `yaml:"master_item"`
	Triggers []struct{ Expression string }
}

// discovery is how Zabbix finds packages.
type discovery struct {
	item   `yaml:",inline"`
	Macros []struct {
		Macro string `yaml:"lld_macro"`
		Path  string
	} `yaml:"lld_macro_paths"`
	Prototypes []struct {
		Key      string
		Triggers []struct{ Expression string } `yaml:"trigger_prototypes"`
	} `yaml:"item_prototypes"`
}

type template struct {
	Template  string
	Items     []item
	Discovery []discovery `yaml:"discovery_rules"`
}

const templateFile = "packaging/monitoring/zabbix-template.yaml"

func readTemplate(t *testing.T) template {
	t.Helper()
	var export struct {
		Zabbix struct {
			Version   string
			Templates []template
		} `yaml:"zabbix_export"`
	}
	if err := yaml.Unmarshal([]byte(read(t, templateFile)), &export); err != nil {
		t.Fatal(err)
	}
	if export.Zabbix.Version != "6.0" || len(export.Zabbix.Templates) != 1 {
		t.Fatalf("got %+v", export)
	}
	return export.Zabbix.Templates[0]
}

// Zabbix refuses a template whose ids are used twice or are no UUIDs of version
// 4, and one whose expressions name items that are not in it.
func TestZabbixTemplateHoldsTogether(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`uuid: (\w+)`).FindAllStringSubmatch(read(t, templateFile), -1) {
		if seen[m[1]] || !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(m[1]) {
			t.Errorf("uuid %s", m[1])
		}
		seen[m[1]] = true
	}
	tpl := readTemplate(t)
	keys := map[string]bool{}
	var expressions []string
	for _, i := range tpl.Items {
		keys[i.Key] = true
		for _, trigger := range i.Triggers {
			expressions = append(expressions, trigger.Expression)
		}
	}
	for _, d := range tpl.Discovery {
		for _, p := range d.Prototypes {
			keys[p.Key] = true
			expressions = append(expressions, p.Triggers[0].Expression)
		}
	}
	for _, i := range tpl.Items {
		if i.Type == "DEPENDENT" && !keys[i.Master.Key] {
			t.Errorf("%s depends on %s, which is not there", i.Key, i.Master.Key)
		}
	}
	for _, expression := range expressions {
		named := false
		for key := range keys {
			named = named || strings.Contains(expression, "/"+tpl.Template+"/"+key)
		}
		if !named {
			t.Errorf("%s names no item of the template", expression)
		}
	}
}

// zabbix is an agent that runs as its page says.
type zabbix struct {
	*host
	at string
}

func newZabbix(t *testing.T) (zabbix, *page) {
	t.Helper()
	agent := needs.Program(t, "zabbix_agentd", "zabbix-agent")
	p := readPage(t, "zabbix")
	h := newHost(t, p.file("/etc/pkgd/pkgd.yaml"))
	h.paths = []string{"/usr/bin/pkgd", filepath.Join(bin, "pkgd"), "/etc/zabbix/", h.dir + "/", "8092", strings.TrimPrefix(h.at["8092"], "127.0.0.1:")}
	at := address(t)
	config := fmt.Sprintf("Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort=%s\nStartAgents=1\nLogType=console\nPidFile=%s/agent.pid\nAllowRoot=1\nTimeout=10\n",
		strings.TrimPrefix(at, "127.0.0.1:"), h.dir)
	file := write(t, filepath.Join(h.dir, "zabbix_agentd.conf"), config+h.here(p.file("/etc/zabbix/zabbix_agentd.d/pkgd.conf")), 0o644)
	h.runs(agent, "-f", "-c", file)
	z := zabbix{h, at}
	eventually(t, "the agent answers", func() bool { _, err := z.get("agent.ping"); return err == nil })
	return z, p
}

// get asks the agent as Zabbix's server does: a header with the length, and the
// key.
func (z zabbix) get(key string) (string, error) {
	conn, err := net.Dial("tcp", z.at)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	ask := append([]byte("ZBXD\x01"), binary.LittleEndian.AppendUint64(nil, uint64(len(key)))...)
	if _, err := conn.Write(append(ask, key...)); err != nil {
		return "", err
	}
	head := make([]byte, 13)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", err
	}
	answer := make([]byte, binary.LittleEndian.Uint32(head[5:]))
	_, err = io.ReadFull(conn, answer)
	return string(answer), err
}

// value is what an item has: what the agent says, or what preprocessing takes
// from what its master has. The paths of the template are plain: $.a.b
func (z zabbix) value(i item) string {
	z.t.Helper()
	key := i.Key
	if i.Type == "DEPENDENT" {
		key = i.Master.Key
	}
	said, err := z.get(z.here(key))
	if err != nil {
		z.t.Fatal(err)
	}
	for _, p := range i.Preprocessing {
		if p.Type != "JSONPATH" {
			z.t.Fatalf("%s: this test knows no %s", i.Key, p.Type)
		}
		said = at(z.t, said, p.Parameters[0])
	}
	return said
}

func at(t *testing.T, document, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("%v: %q", err, document)
	}
	for _, key := range strings.Split(path, ".")[1:] {
		object, ok := v.(map[string]any)
		if !ok || object[key] == nil {
			t.Fatalf("there is no %s in %s", path, document)
		}
		v = object[key]
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// discovers are the values of the template's prototypes, by key.
func (z zabbix) discovers(d discovery) map[string]string {
	z.t.Helper()
	var found []json.RawMessage
	if err := json.Unmarshal([]byte(z.value(d.item)), &found); err != nil {
		z.t.Fatal(err)
	}
	values := map[string]string{}
	for _, one := range found {
		for _, p := range d.Prototypes {
			key := strings.ReplaceAll(p.Key, d.Macros[0].Macro, at(z.t, string(one), d.Macros[0].Path))
			said, err := z.get(key)
			if err != nil {
				z.t.Fatal(err)
			}
			values[key] = strings.TrimSpace(said)
		}
	}
	return values
}

func TestZabbixAgentHasWhatTheTemplateAsksFor(t *testing.T) {
	t.Parallel()
	z, p := newZabbix(t)
	tpl := readTemplate(t)
	z.has("web", "db")
	z.answers("/readyz", 200)
	want := func(level, active, inError, ready, web string) {
		t.Helper()
		got := map[string]string{}
		for _, i := range tpl.Items {
			if i.Key != "pkgd.health" {
				got[i.Name] = z.value(i)
			}
		}
		for key, value := range z.discovers(tpl.Discovery[0]) {
			got[key] = value
		}
		for name, value := range map[string]string{
			"pkgd: level": level, "pkgd: active packages": active, "pkgd: packages in error": inError, "pkgd: ready": ready,
			"pkgd.status[web]": web, "pkgd.status[db]": "active",
		} {
			if got[name] != value {
				t.Errorf("%s is %q, not %q", name, got[name], value)
			}
		}
	}
	want("OK", "2", "0", "200", "active")
	const status = `zabbix_agentd -c /etc/zabbix/zabbix_agentd.conf -t 'pkgd.status[web]'`
	p.shows(z.host, status)
	p.shows(z.host, `zabbix_agentd -c /etc/zabbix/zabbix_agentd.conf -t 'web.page.regexp[127.0.0.1,/readyz,8092,"^HTTP/1.1 ([0-9]{3})",,\1]'`)
	z.says("web", broken)
	want("FAULT", "1", "1", "200", "error")
	p.shows(z.host, status)
	z.says("web", waiting)
	want("DEGRADED", "1", "0", "200", "waiting")
	if err := z.stop(); err != nil {
		t.Fatal(err)
	}
	if said, err := z.get("pkgd.health"); err != nil || strings.Contains(said, "level") {
		t.Errorf("pkgd is gone, and the agent says %q, %v", said, err)
	}
}
