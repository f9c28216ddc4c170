package monitoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

// nagios is one that runs as its page says, with a check each second, beside an
// NRPE on the host.
type nagios struct {
	*host
	status string // file
}

func newNagios(t *testing.T) (*nagios, *page) {
	t.Helper()
	core := needs.Program(t, "nagios4", "nagios4-core")
	nrpe := needs.Program(t, "nrpe", "nagios-nrpe-server")
	needs.Program(t, "check_nrpe", "nagios-nrpe-plugin")
	needs.Program(t, "negate", "monitoring-plugins-basic")
	needs.Program(t, "check_http", "monitoring-plugins-basic")
	p := readPage(t, "nagios")
	h := newHost(t, p.file("/etc/pkgd/pkgd.yaml"))
	// NRPE gives plug-ins an environment of its own, without our root.
	pkgd := write(t, filepath.Join(h.dir, "pkgd"), fmt.Sprintf("#!/bin/sh\nPKGD_ROOT=%s exec %s/pkgd \"$@\"\n", h.root, bin), 0o755)
	h.paths = []string{"/usr/bin/pkgd", pkgd, "/var/lib/nagios4/", h.dir + "/"}
	port := func(a string) string { _, port, _ := strings.Cut(a, ":"); return port }
	at := port(address(t))
	server := fmt.Sprintf("server_port=%s\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.1\npid_file=%s/nrpe.pid\nnrpe_user=%s\nnrpe_group=%s\n",
		at, h.dir, somebody("nagios", os.Getuid()), somebody("nagios", os.Getgid()))
	h.runs(nrpe, "-f", "-c", write(t, filepath.Join(h.dir, "nrpe.cfg"), server+h.here(p.file("/etc/nagios/nrpe.d/pkgd.cfg")), 0o644))
	objects := strings.NewReplacer(
		"192.0.2.11", "127.0.0.1", "check_nrpe -H", "check_nrpe -p "+at+" -H", "-p 8092", "-p "+port(h.at["8092"]),
	).Replace(p.file("/etc/nagios4/conf.d/pkgd.cfg"))
	write(t, filepath.Join(h.dir, "pkgd.cfg"), objects, 0o644)
	n := &nagios{h, filepath.Join(h.dir, "status.dat")}
	h.runs(core, write(t, filepath.Join(h.dir, "nagios.cfg"), nagiosConfigIn(h.dir), 0o644))
	return n, p
}

// somebody is who NRPE runs as: never root.
func somebody(name string, id int) string {
	if id == 0 {
		return name
	}
	return strconv.Itoa(id)
}

// nagiosConfigIn is the main file: where things are, and a unit of time of one
// second instead of a minute; people are told nothing.
func nagiosConfigIn(dir string) string {
	return strings.NewReplacer("DIR", dir, "UID", strconv.Itoa(os.Getuid()), "GID", strconv.Itoa(os.Getgid())).Replace(nagiosConfig)
}

const nagiosConfig = `log_file=DIR/nagios.log
resource_file=/etc/nagios4/resource.cfg
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/contacts.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=/etc/nagios4/objects/templates.cfg
cfg_file=DIR/pkgd.cfg
object_cache_file=DIR/objects.cache
status_file=DIR/status.dat
lock_file=DIR/nagios.lock
temp_file=DIR/nagios.tmp
temp_path=DIR
check_result_path=DIR
state_retention_file=DIR/retention.dat
command_file=DIR/nagios.cmd
query_socket=DIR/nagios.qh
check_external_commands=0
status_update_interval=1
check_result_reaper_frequency=1
interval_length=1
use_syslog=0
nagios_user=UID
nagios_group=GID
check_for_updates=0
execute_host_checks=0
enable_notifications=0
service_inter_check_delay_method=n
illegal_macro_output_chars=` + "`~$&|'\"<>" + `
`

var serviceStatus = regexp.MustCompile(`(?s)servicestatus \{(.*?)\n\t\}`)

// sees is what Nagios holds of one service: its state, its line and its
// performance data.
func (n *nagios) sees(service string) (state, line, data string) {
	text, err := os.ReadFile(n.status)
	if err != nil {
		return "", "", "" // not written yet
	}
	for _, m := range serviceStatus.FindAllStringSubmatch(string(text), -1) {
		fields := map[string]string{}
		for row := range strings.Lines(m[1]) {
			key, value, _ := strings.Cut(strings.TrimSpace(row), "=")
			fields[key] = value
		}
		if fields["service_description"] == service && fields["has_been_checked"] == "1" {
			return fields["current_state"], fields["plugin_output"], fields["performance_data"]
		}
	}
	return "", "", ""
}

// want awaits the states of packages, web, health and ready.
func (n *nagios) want(when string, states ...string) {
	n.t.Helper()
	for i, service := range []string{"packages", "web", "health", "ready"} {
		eventually(n.t, fmt.Sprintf("%s: %s is %s", when, service, states[i]), func() bool {
			state, _, _ := n.sees(service)
			return state == states[i]
		})
	}
}

func TestNagiosSeesEachLevel(t *testing.T) {
	t.Parallel()
	n, p := newNagios(t)
	n.want("no package", "3", "3", "0", "0")
	n.has("web")
	n.want("well", "0", "0", "0", "0")
	p.shows(n.host, "pkgd health 2>/dev/null | head -n 1")
	if _, line, data := n.sees("packages"); line != "OK - 1 package: 1 active" || data != "active=1 waiting=0 maintenance=0 blocked=0 error=0 unknown=0" {
		t.Errorf("got %q and %q", line, data)
	}
	n.says("web", waiting)
	n.want("waiting", "1", "1", "1", "0")
	n.says("web", broken)
	n.want("broken", "2", "2", "2", "0")
	if _, line, _ := n.sees("web"); line != "FAULT - web 1.0: error disk-full: No space left on /var" {
		t.Errorf("got %q", line)
	}
	p.shows(n.host, "pkgd health web 2>/dev/null | head -n 1")
	p.shows(n.host, "/usr/lib/nagios/plugins/negate -c WARNING /usr/bin/pkgd health web >/dev/null 2>&1; echo $?")
	n.says("web", well)
	n.want("well again", "0", "0", "0", "0")
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n.want("pkgd is gone", "3", "3", "2", "2")
}
