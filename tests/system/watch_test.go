package system

import (
	"regexp"
	"strings"
	"testing"

	"pkgd.io/pkgd/tests/howto"
)

// watched has the bed's systemd watch pkgd as the how-to page says, but more
// impatiently, and gives the commands that the page shows.
func (b *bed) watched() (steps []howto.Step) {
	b.t.Helper()
	text, err := howto.Read("../..", "monitor-with-systemd")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, block := range howto.Blocks(text) {
		steps = append(steps, block.Steps()...)
		if strings.HasPrefix(block.Name, "/etc/systemd/system/") {
			b.write(block.Name, regexp.MustCompile(`WatchdogSec=.*`).ReplaceAllString(block.Text, "WatchdogSec=3s"), 0o644)
		}
	}
	b.run("sh", "-c", "systemctl daemon-reload && systemctl restart pkgd")
	return steps
}

// TestTheWatchdogOfItsPage does what the page on systemd says, in its order.
func TestTheWatchdogOfItsPage(t *testing.T) {
	b := newBed(t)
	b.run("pkgd", "install", b.tree("41", serves, "if [ -e $PKG_COMMON/broken ]; then ctl set-health error Broken; else "+well+"; fi", ""))
	unit := b.unit(0)
	pid := b.pid(unit)
	for _, step := range b.watched() {
		hung := b.pid("pkgd")
		if got, want := strings.TrimSpace(b.run("sh", "-c", step.Command)), strings.TrimSpace(step.Output); got != want {
			t.Errorf("$ %s\n%s, want %s", step.Command, got, want)
		}
		if strings.HasPrefix(step.Command, "kill ") {
			b.until("[ $(systemctl show -P MainPID pkgd) != " + hung + " ]")
			b.until("journalctl -u pkgd -o cat --no-pager | grep -q 'Watchdog timeout'")
			b.run("pkgd", "check", "web")
		}
	}
	b.run("systemctl", "enable", "--now", "package-health.timer")
	b.run("systemctl", "start", "package-health.service")
	b.run("touch", "/var/lib/pkgd/data/web/common/broken")
	b.exits("pkgd", "check", "web")
	if code := b.exits("systemctl", "start", "package-health.service"); code == 0 {
		t.Error("a look at a broken package did not fail")
	}
	b.told("package-health.service")
	b.run("sh", "-c", "until systemctl is-failed -q pkgd; do systemctl kill -s KILL pkgd; sleep 0.1; done")
	b.told("pkgd.service")
	b.run("sh", "-c", "systemctl reset-failed pkgd.service pkgd.socket && systemctl start pkgd.socket pkgd.service")
	b.run("pkgd", "list")
	if got := b.pid(unit); got != pid {
		t.Errorf("the service was %s and is %s", pid, got)
	}
}

// told awaits that the admin is told of a unit that failed.
func (b *bed) told(unit string) {
	b.t.Helper()
	b.until("journalctl -p crit -o cat --no-pager | grep -q '^" + unit + " has failed, see: systemctl status " + unit + "'")
}
