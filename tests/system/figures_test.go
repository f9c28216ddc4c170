package system

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// many makes and installs a hundred packages with a hook each.
const many = `
for i in $(seq 100); do
	mkdir -p /srv/many/p$i/meta/hooks
	printf 'name: p%s\nversion: "1"\nsummary: One of many\n' $i >/srv/many/p$i/meta/pkg.yaml
	printf '#!/bin/sh\nctl set-health active\n' >/srv/many/p$i/meta/hooks/check-health
done
chmod +x /srv/many/*/meta/hooks/check-health
pkgd install /srv/many/*`

// figure is the number that a shell command prints.
func (b *bed) figure(command string) float64 {
	b.t.Helper()
	text := strings.TrimSpace(b.run("sh", "-c", command))
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.t.Fatalf("%s prints %q", command, text)
	}
	return n
}

// resident is what pkgd has in memory, in MiB.
func (b *bed) resident() float64 {
	b.t.Helper()
	return b.figure("sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$(systemctl show --value -p MainPID pkgd)/status") / 1024
}

// startTime is how long a unit last took to become ready, in ms.
func (b *bed) startTime(unit string) float64 {
	b.t.Helper()
	at := func(state string) float64 {
		return b.figure("systemctl show --value -p " + state + "TimestampMonotonic " + unit)
	}
	return (at("ActiveEnter") - at("InactiveExit")) / 1000
}

// bounded is more than pkgd may have in memory, in MiB. The goal is 25; what is
// beyond it lets kernels differ in how much of a program's file they count.
const bounded = 32

// TestFigures prints what pkgd costs a host that systemd boots. Only memory has a
// bound here: times are this machine's, and for people to read.
func TestFigures(t *testing.T) {
	b := newBed(t)
	b.run("sh", "-ec", many)
	b.run("systemctl", "restart", "pkgd")
	b.run("pkgd", "health")
	resident := b.resident()
	t.Logf("resident with 100 packages: %.1f MiB (goal: 25)", resident)
	if resident > bounded {
		t.Error("that is too much")
	}
	b.run("pkgd", "check")
	t.Logf("resident when all of them were just asked at once: %.1f MiB", b.resident())

	b.write("/etc/systemd/system/bare.service", "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 100000'\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	b.run("systemctl", "enable", "bare")
	b.run("sync")
	b.must("./bed", "crash", b.dir)
	b.must("./bed", "boot", b.dir)
	t.Logf("at boot, from fork to READY: pkgd.service %.0f ms (at most 30 on a quiet machine), a shell that says so %.0f ms", b.startTime("pkgd"), b.startTime("bare"))
	t.Logf("systemd-analyze blame:\n%s", b.run("sh", "-c", "systemd-analyze blame --no-pager | head -n 6"))
	t.Logf("pkgd's processor time by then: %.0f ms", b.figure("awk '{print ($14+$15)*10}' /proc/$(systemctl show --value -p MainPID pkgd)/stat"))
	var ours, bare []float64
	for range 9 {
		b.run("systemctl", "reset-failed", "pkgd", "bare")
		b.run("systemctl", "restart", "pkgd", "bare")
		ours, bare = append(ours, b.startTime("pkgd")), append(bare, b.startTime("bare"))
	}
	slices.Sort(ours)
	slices.Sort(bare)
	t.Logf("started again, least and median of %d: pkgd.service %.0f and %.0f ms, a shell %.0f and %.0f ms", len(ours), ours[0], ours[4], bare[0], bare[4])
}
