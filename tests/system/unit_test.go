package system

import (
	"strings"
	"testing"
)

func TestPkgdAsAUnit(t *testing.T) {
	b := newBed(t)
	for name, test := range map[string]func(b *bed){
		"a socket starts it":                             socketStarts,
		"one that hangs is started again, services stay": watchdogBites,
		"a refresh that a stop interrupts goes on":       stopInterrupts,
	} {
		t.Run(name, func(t *testing.T) { test(b.fresh(t)) })
	}
}

func socketStarts(b *bed) {
	b.run("systemctl", "is-active", "pkgd.socket")
	unit := b.unit(0)
	pid := b.pid(unit)
	b.run("systemctl", "stop", "pkgd.service")
	b.run("pkgd", "list")
	b.until("[ $(systemctl is-active pkgd) = active ]")
	if got := b.pid(unit); got != pid {
		b.t.Errorf("the service was %s and is %s", pid, got)
	}
}

func watchdogBites(b *bed) {
	unit := b.unit(0)
	pid := b.pid(unit)
	b.conf("pkgd.service", "[Service]\nWatchdogSec=1\nTimeoutAbortSec=1\n")
	b.run("systemctl", "restart", "pkgd")
	b.t.Cleanup(func() { b.run("systemctl", "restart", "pkgd") })
	hung := b.pid("pkgd")
	b.run("kill", "-STOP", hung)
	b.until("[ $(systemctl show --value -p MainPID pkgd) != " + hung + " ]")
	b.run("pkgd", "check", "web")
	if got := b.pid(unit); got != pid {
		b.t.Errorf("the service was %s and is %s", pid, got)
	}
	if log := b.run("journalctl", "-u", "pkgd", "-o", "cat", "--no-pager"); !strings.Contains(log, "Watchdog timeout") {
		b.t.Error("it was not the watchdog")
	}
}

func stopInterrupts(b *bed) {
	next := b.unit(1)
	hook := "[ -e $PKG_COMMON/go ] || { touch $PKG_COMMON/stuck; sleep 100000; }; " + well
	change := strings.TrimSpace(b.run("pkgd", "refresh", "--no-wait", b.tree("42", serves, hook, "")))
	b.until("[ -e /var/lib/pkgd/data/web/common/stuck ]")
	b.run("systemctl", "stop", "pkgd.service", "pkgd.socket")
	b.run("touch", "/var/lib/pkgd/data/web/common/go")
	b.run("systemctl", "start", "pkgd.socket", "pkgd.service")
	b.run("pkgd", "watch", change)
	b.why(`"done"`, `"to-active"`)
	b.up(next)
}

// TestTheRPM installs it beside the bed's own packages, in a database of its own.
func TestTheRPM(t *testing.T) {
	b := bareBed(t, *rpm, "/srv/pkgd.rpm")
	manage := func(args ...string) {
		t.Helper()
		b.run(append([]string{"rpm", "--dbpath", "/srv/rpmdb", "--nodeps"}, args...)...)
	}
	b.run("rpm", "--dbpath", "/srv/rpmdb", "--initdb")
	manage("-i", "/srv/pkgd.rpm")
	for _, path := range []string{
		"/usr/share/zsh/site-functions/_pkgd", "/usr/lib/systemd/system/pkgd.socket", "/usr/share/dbus-1/system.d/io.pkgd.Manager1.conf",
		"/usr/share/bash-completion/completions/pkgd", "/usr/share/man/man1/pkgd.1.gz",
	} {
		if code := b.exits("test", "-s", path); code != 0 {
			t.Errorf("%s is missing", path)
		}
	}
	b.run("getent", "group", "pkgd")
	b.run("pkgd", "install", b.pack("41", well))
	unit := b.unit(0)
	pid := b.pid(unit)
	manage("-U", "--force", "/srv/pkgd.rpm")
	b.run("pkgd", "check", "web")
	if got := b.pid(unit); got != pid {
		t.Errorf("over an upgrade the service was %s and is %s", pid, got)
	}
	b.holds("1", "41")
	if out := b.run("cat", "/etc/pkgd/pkgd.yaml"); out != config {
		t.Errorf("the configuration has become %q", out)
	}
	manage("-e", "pkgd")
	if units := b.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "pkgd*"); units != "" {
		t.Errorf("active units are %q, want none", units)
	}
	if code := b.exits("test", "-s", "/var/lib/pkgd/state.db"); code != 0 {
		t.Error("removing pkgd lost its state")
	}
}
