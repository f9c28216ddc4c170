package system

import (
	"fmt"
	"strings"
	"testing"
)

// tree puts a package tree for version v on the bed's disk: its service runs the
// script serve, its check-health the script check; manifest is more for the
// service's entry. It is content that there was not before.
func (b *bed) tree(v, serve, check, manifest string) string {
	b.t.Helper()
	b.trees++
	dir := fmt.Sprintf("/srv/tree-%d", b.trees)
	b.write(dir+"/number", dir+"\n", 0o644)
	b.write(dir+"/meta/pkg.yaml", "name: web\nversion: \""+v+"\"\nsummary: A web server\nservices:\n  serve: {command: bin/serve"+manifest+"}\n", 0o644)
	b.write(dir+"/meta/hooks/check-health", "#!/bin/sh\n"+check+"\n", 0o755)
	b.write(dir+"/bin/serve", serve, 0o755)
	return dir
}

const serves = "#!/bin/sh\nexec sleep 100000\n"

// fresh gives the bed with the package in one good revision.
func (b *bed) fresh(t *testing.T) *bed {
	b.t = t
	b.try("pkgd", "remove", "--purge", "web")
	b.run("pkgd", "install", b.tree("41", serves, well, ""))
	return b
}

// unit is the systemd unit of the nth revision after the current one.
func (b *bed) unit(n int) string {
	b.t.Helper()
	var rev int
	link := b.run("readlink", "/var/lib/pkgd/packages/web/current")
	if _, err := fmt.Sscan(link, &rev); err != nil {
		b.t.Fatalf("current is %q", link)
	}
	return fmt.Sprintf("pkgd.web.serve.r%d.service", rev+n)
}

// conf adds a drop-in to a unit of the bed, until the test ends.
func (b *bed) conf(unit, text string) {
	b.t.Helper()
	dir := "/etc/systemd/system/" + unit + ".d"
	b.write(dir+"/test.conf", text, 0o644)
	b.run("systemctl", "daemon-reload")
	b.t.Cleanup(func() {
		b.run("rm", "-r", dir)
		b.run("systemctl", "daemon-reload")
	})
}

// refreshed refreshes the package and checks how that ends.
func (b *bed) refreshed(dir string, code int, words ...string) {
	b.t.Helper()
	if got := b.exits("pkgd", "refresh", dir); got != code {
		b.t.Errorf("refresh exits with %d, want %d", got, code)
	}
	b.why(words...)
}

// why checks what is told of the package's last change.
func (b *bed) why(words ...string) {
	b.t.Helper()
	why := b.run("pkgd", "why", "web", "--format=json")
	for _, w := range words {
		if !strings.Contains(why, w) {
			b.t.Errorf("why lacks %s: %s", w, why)
		}
	}
}

// up checks that one instance runs, which is the unit's.
func (b *bed) up(unit string) {
	b.t.Helper()
	b.until("[ $(systemctl is-active " + unit + ") = active ]")
	units := b.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "pkgd.web.*")
	if strings.Count(units, "\n") != 1 || !strings.Contains(units, unit) {
		b.t.Errorf("active units are %q, want %s", units, unit)
	}
}

// until runs a shell command again and again until it succeeds.
func (b *bed) until(command string) {
	b.t.Helper()
	b.run("timeout", "90", "sh", "-c", "until "+command+"; do sleep 0.05; done")
}

func (b *bed) pid(unit string) string {
	b.t.Helper()
	return strings.TrimSpace(b.run("systemctl", "show", "--value", "-p", "MainPID", unit))
}

// ready awaits that /readyz says something.
func (b *bed) ready(words string) {
	b.t.Helper()
	b.until("curl -s --unix-socket /run/pkgd/health.sock http://x/readyz | grep -q '" + words + "'")
}

// loseBus takes the bus away for good; the function brings it back.
func (b *bed) loseBus() (back func()) {
	b.t.Helper()
	b.run("systemctl", "mask", "--runtime", "--now", "dbus.socket", "dbus.service")
	return func() {
		b.t.Helper()
		b.run("systemctl", "unmask", "--runtime", "dbus.socket", "dbus.service")
		b.run("systemctl", "start", "dbus.socket", "dbus.service")
	}
}

var badUnits = map[string]func(b *bed){
	"a program that cannot be run": func(b *bed) {
		old := b.unit(0)
		b.refreshed(b.tree("42", "#!/no/such/interpreter\n", well, ""), 10, "pkgd-service-down", "cannot run", `"reverted"`)
		b.up(old)
	},
	"a service that ends at once": func(b *bed) {
		old := b.unit(0)
		// Whether the verdict finds it ended, or started once more, is chance.
		b.refreshed(b.tree("42", "#!/bin/sh\nexit 3\n", well, ""), 10, "pkgd-service-down", "serve crashed (exit status 3) and ", `"reverted"`)
		b.up(old)
	},
	"a unit that hangs in its start": func(b *bed) {
		old := b.unit(0)
		b.conf(b.unit(1), "[Service]\nExecStartPre=/bin/sleep 1000\nTimeoutStartSec=1\nRestart=no\n")
		b.refreshed(b.tree("42", serves, well, ""), 10, "pkgd-service-down", "timeout", `"reverted"`)
		b.up(old)
	},
	"a unit that hangs in its stop is killed": func(b *bed) {
		b.conf(b.unit(0), "[Service]\nExecStop=/bin/sleep 1000\nTimeoutStopSec=1\n")
		next := b.unit(1)
		b.refreshed(b.tree("42", serves, well, ""), 0, `"done"`)
		b.up(next)
	},
	"a new revision that hangs in its stop is taken back all the same": func(b *bed) {
		old := b.unit(0)
		b.conf(b.unit(1), "[Service]\nExecStop=/bin/sleep 1000\nTimeoutStopSec=1\n")
		b.refreshed(b.tree("42", serves, broken, ""), 10, `"reverted"`, "schema-too-new")
		b.up(old)
	},
	"a unit whose file vanished": func(b *bed) {
		old := b.unit(0)
		b.run("rm", "/run/systemd/system/"+old)
		b.run("systemctl", "daemon-reload")
		b.refreshed(b.tree("42", serves, broken, ""), 10, `"reverted"`)
		b.up(old)
	},
	"a new revision that the admin has masked": func(b *bed) {
		old, next := b.unit(0), b.unit(1)
		b.run("systemctl", "mask", next)
		defer b.run("systemctl", "unmask", next)
		b.refreshed(b.tree("42", serves, well, ""), 10, "pkgd-service-down", "systemctl unmask "+next, `"reverted"`)
		b.up(old)
	},
	"an old revision that the admin has masked": func(b *bed) {
		old := b.unit(0)
		b.run("systemctl", "mask", old)
		b.refreshed(b.tree("42", serves, broken, ""), 1, `"revert-failed"`)
		if out := b.try("pkgd", "services", "web"); !strings.Contains(out, "systemctl unmask "+old) {
			b.t.Errorf("services says %s", out)
		}
		b.run("systemctl", "unmask", old)
		b.run("pkgd", "start", "web")
		b.up(old)
	},
}

func TestBadUnitsHaveTheirErrorAndTheirVerdict(t *testing.T) {
	b := newBed(t)
	for name, test := range badUnits {
		t.Run(name, func(t *testing.T) { test(b.fresh(t)) })
	}
}

// endless are units whose start never ends, by what an admin has added to them.
// The revision is not to blame: the refresh has failed, and nothing is refused.
var endless = map[string]string{
	"it waits for another unit that never comes up": "[Unit]\nRequires=never.service\nAfter=never.service\n",
	"it is to say when it is ready, and never does": "[Service]\nType=notify\nTimeoutStartSec=infinity\n",
}

func TestAJobThatNeverEndsIsGivenUpAndTakenBack(t *testing.T) {
	for name, conf := range endless {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for most of a minute
			b := newBed(t).fresh(t)
			old, next := b.unit(0), b.unit(1)
			b.write("/etc/systemd/system/never.service", "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n", 0o644)
			b.conf(next, conf)
			dir := b.tree("42", serves, well, "")
			out := b.try("pkgd", "refresh", dir)
			for _, want := range []string{"systemd has not done it in 40s", "systemctl list-jobs", "exit status 1"} {
				if !strings.Contains(out, want) {
					t.Errorf("refresh does not say %q: %s", want, out)
				}
			}
			b.why(`"failed"`)
			b.up(old)
			if jobs := b.run("systemctl", "list-jobs", "--no-legend", "pkgd.*"); jobs != "" {
				t.Errorf("jobs are left: %s", jobs)
			}
			b.run("rm", "/etc/systemd/system/"+next+".d/test.conf")
			b.run("systemctl", "daemon-reload")
			b.run("pkgd", "refresh", dir)
			b.up(next)
		})
	}
}

// speaks is a service that says what file /srv/say asks for, by its cookie.
const speaks = `#!/bin/sh
while :; do [ -e $PKG_COMMON/say ] && ctl set said=$(cat $PKG_COMMON/say) && rm $PKG_COMMON/say; sleep 0.1; done
`

// says checks that the running service can speak to pkgd.
func (b *bed) says(word string) {
	b.t.Helper()
	b.run("sh", "-c", "echo "+word+" >/var/lib/pkgd/data/web/common/say")
	b.until("[ $(pkgd get web said) = " + word + " ]")
}

func TestALostBusIsToldWaitedForAndHangsNothing(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.tree("41", speaks, well, ""))
	old := b.unit(0)
	b.up(old)
	pid := b.pid(old)
	b.ready("^ok$")

	back := b.loseBus()
	b.ready("services.*bus")
	out := b.try("pkgd", "refresh", b.tree("42", serves, well, ""))
	if !strings.Contains(out, "bus") || !strings.Contains(out, "exit status 1") {
		t.Errorf("a refresh without a bus says %s", out)
	}
	b.why(`"failed"`)
	if code := b.exits("curl", "-sf", "--unix-socket", "/run/pkgd/health.sock", "http://x/livez"); code != 0 {
		t.Errorf("livez without a bus: curl exits with %d", code)
	}
	b.run("systemctl", "restart", "pkgd") // which finds no bus at its start
	if out := b.run("pkgd", "debug", "system"); !strings.Contains(out, "systemd") {
		t.Errorf("without a bus services are run by: %s", out)
	}
	b.ready("services.*bus")
	back()
	b.ready("^ok$")
	b.until("busctl get-property io.pkgd.Manager1 /io/pkgd/Manager1 io.pkgd.Manager1 Level")
	b.up(old)
	if got := b.pid(old); got != pid {
		t.Errorf("the service was %s and is %s", pid, got)
	}
	b.says("again")
	b.refreshed(b.tree("43", serves, broken, ""), 10, `"reverted"`)
	b.up(old)
}

func TestABusThatDiesInTheMiddleOfASwitchIsWaitedFor(t *testing.T) {
	b := newBed(t)
	stubborn := "#!/bin/sh\ntrap 'touch $PKG_COMMON/ending; while ! [ -e $PKG_COMMON/end ]; do sleep 0.05; done; exit 0' TERM\nwhile :; do sleep 0.1; done\n"
	b.run("pkgd", "install", b.tree("41", stubborn, well, ""))
	next := b.unit(1)
	b.run("pkgd", "refresh", "--no-wait", b.tree("42", serves, well, ""))
	b.until("[ -e /var/lib/pkgd/data/web/common/ending ]")
	back := b.loseBus()
	b.run("touch", "/var/lib/pkgd/data/web/common/end")
	b.until("pkgd tasks 2 | grep -q 'waits for the service manager'")
	back()
	b.run("pkgd", "watch", "2")
	b.why(`"done"`)
	b.up(next)
}

func TestOneManagerOnlyRunsServicesWhateverIsConfigured(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.tree("41", "#!/bin/sh\nexec sleep 123456\n", well, ""))
	count := func() string { return strings.TrimSpace(b.run("sh", "-c", "pgrep -fxc 'sleep 123456'; :")) }
	b.write("/etc/pkgd/pkgd.yaml", config+"services: embedded\n", 0o644)
	b.run("systemctl", "restart", "pkgd")
	b.until("pkgd services | grep -q active")
	if n := count(); n != "1" {
		t.Errorf("embedded: there are %s instances", n)
	}
	b.write("/etc/pkgd/pkgd.yaml", config, 0o644)
	b.run("systemctl", "restart", "pkgd")
	b.up(b.unit(0))
	if n := count(); n != "1" {
		t.Errorf("systemd: there are %s instances", n)
	}
}

// lacking are hosts that lack what confinement is made of, by what pkgd.service
// is forbidden.
var lacking = map[string]struct{ conf, says, logs string }{
	"read-only cgroups": {
		"[Service]\nProtectControlGroups=yes\n", "no cgroup (", "",
	},
	"no Landlock": {
		"[Service]\nSystemCallFilter=~landlock_create_ruleset landlock_add_rule landlock_restrict_self\nSystemCallErrorNumber=ENOSYS\n",
		"no Landlock (the kernel lacks it)", "hooks are not confined: the kernel has no Landlock",
	},
}

func TestAHostThatLacksConfinementIsToldAndServedAllTheSame(t *testing.T) {
	b := newBed(t)
	for name, host := range lacking {
		t.Run(name, func(t *testing.T) {
			b.fresh(t)
			old := b.unit(0)
			b.conf("pkgd.service", host.conf)
			b.run("systemctl", "restart", "pkgd")
			t.Cleanup(func() { b.run("systemctl", "restart", "pkgd") })
			if out := b.run("pkgd", "debug", "system"); !strings.Contains(out, host.says) {
				t.Errorf("it lacks %q: %s", host.says, out)
			}
			if out := b.run("journalctl", "-u", "pkgd", "-o", "cat", "--no-pager"); !strings.Contains(out, host.logs) {
				t.Errorf("the log lacks %q", host.logs)
			}
			b.refreshed(b.tree("42", serves, "setsid sleep 654321 >/dev/null 2>&1 & "+broken, ""), 10, `"reverted"`)
			b.up(old)
			if n := b.try("pgrep", "-fxc", "sleep 654321"); !strings.HasPrefix(n, "0") {
				t.Errorf("of what hooks started %s lives", n)
			}
		})
	}
}
