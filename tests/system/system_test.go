package system

import (
	"strings"
	"testing"
)

const (
	well   = "ctl set-health active"
	broken = "ctl set-health error --code=schema-too-new Broken"
)

func TestABadRefreshIsTakenBackUnderSystemd(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	if code := b.exits("pkgd", "refresh", b.pack("42", broken)); code != 10 {
		t.Errorf("refresh exited with %d, want 10", code)
	}
	b.holds("1", "41")
	if code := b.exits("pkgd", "health"); code != 0 {
		t.Errorf("health exited with %d", code)
	}
	if out := b.run("busctl", "get-property", "io.pkgd.Manager1", "/io/pkgd/packages/web", "io.pkgd.Package1", "Status"); !strings.Contains(out, "active") {
		t.Errorf("the bus says %s", out)
	}
	if out := b.run("systemctl", "show", "-p", "StatusText", "pkgd"); !strings.Contains(out, "OK - 1 package") {
		t.Errorf("systemd shows %s", out)
	}
}

func TestServicesRunOnWhilePkgdRestartsAndIsUpgraded(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	pid := func() string { return b.run("systemctl", "show", "-p", "MainPID", "pkgd.web.serve.r1") }
	before := pid()
	b.run("systemctl", "restart", "pkgd")
	b.run("pkgd", "services")
	b.run("dpkg", "--force-confold", "-i", "/srv/pkgd.deb")
	b.run("pkgd", "check", "web")
	if after := pid(); after != before {
		t.Errorf("the service was %s and is %s", before, after)
	}
	b.holds("1", "41")
	if got := b.run("pkgd", "get", "web", "port"); strings.TrimSpace(got) != "41" {
		t.Errorf("what the service set is %q", got)
	}
}

func TestStoppedAndDisabledServicesStaySoAcrossARevert(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	b.run("pkgd", "stop", "--disable", "web.serve")
	b.exits("pkgd", "refresh", b.pack("42", broken))
	if units := b.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "pkgd.web.*"); units != "" {
		t.Errorf("active units are %q, want none", units)
	}
	b.run("pkgd", "start", "--enable", "web.serve")
	b.holds("1", "41")
}

// stuck makes the new revision wait in the window, so that the host can die
// there.
const stuck = "ctl set-health waiting --code=starting-up Starting"

func TestAHostThatDiesInTheMiddleOfARefreshEndsItAfterTheBoot(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	b.run("pkgd", "refresh", "--no-wait", b.pack("42", stuck+"; [ -e $PKG_COMMON/died ] || { touch $PKG_COMMON/died; sleep 1000; }"))
	b.run("sh", "-c", "until [ -e /var/lib/pkgd/data/web/common/died ]; do :; done")
	if out := b.run("systemd-inhibit", "--list"); !strings.Contains(out, "pkgd") {
		t.Errorf("in the window nobody holds up a shutdown: %s", out)
	}
	b.run("sync")
	b.must("./bed", "crash", b.dir)
	b.must("./bed", "boot", b.dir)
	b.run("pkgd", "watch", "2")
	if out := b.run("systemd-inhibit", "--list"); strings.Contains(out, "pkgd") {
		t.Errorf("after the verdict a shutdown is still held up: %s", out)
	}
	b.holds("2", "42")
	if why := b.run("pkgd", "why", "web", "--format=json"); !strings.Contains(why, `"active-to-waiting"`) {
		t.Errorf("why says %s", why)
	}
}

func TestThreeDeathsOfTheHostInTheWindowAreACrashLoop(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	b.run("pkgd", "refresh", "--no-wait", b.pack("42", "echo >>$PKG_COMMON/runs; "+stuck+"; sleep 1000"))
	for death := 1; death <= 3; death++ {
		b.run("sh", "-c", "until [ $(cat /var/lib/pkgd/data/web/common/runs | wc -l) -ge $0 ]; do :; done", string(rune('0'+death)))
		b.run("sync")
		b.must("./bed", "crash", b.dir)
		b.must("./bed", "boot", b.dir)
	}
	b.exits("pkgd", "watch", "2")
	b.holds("1", "41")
	why := b.run("pkgd", "why", "web", "--format=json")
	for _, want := range []string{`"crash-loop"`, `"reverted"`, "pkgd-crash-loop"} {
		if !strings.Contains(why, want) {
			t.Errorf("why lacks %s: %s", want, why)
		}
	}
}

func TestRemovingThePackageEndsItsServicesAndPurgingItItsState(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.pack("41", well))
	b.run("dpkg", "-r", "pkgd")
	if units := b.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "pkgd*"); units != "" {
		t.Errorf("active units are %q, want none", units)
	}
	if code := b.exits("test", "-e", "/var/lib/pkgd/state.db"); code != 0 {
		t.Error("removing pkgd lost its state")
	}
	if code := b.exits("test", "-e", "/run/pkgd"); code == 0 {
		t.Error("removing pkgd left its sockets")
	}
	b.run("dpkg", "-P", "pkgd")
	if code := b.exits("test", "-e", "/var/lib/pkgd"); code == 0 {
		t.Error("purging pkgd left its state")
	}
}
