package system

import (
	"fmt"
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
	return b.at("ActiveEnter", unit) - b.at("InactiveExit", unit)
}

// boots is how many times the host is booted with pkgd, and as often without.
const boots = 7

// bootTime boots the host anew and gives how long that took it from where the first
// of pkgd's units may start until all is up, in ms. What comes before varies more
// than all of pkgd takes, and knows nothing of it.
func (b *bed) bootTime() float64 {
	b.t.Helper()
	b.run("sync")
	b.must("./bed", "crash", b.dir)
	b.must("./bed", "boot", b.dir)
	return b.at("ActiveEnter", "multi-user.target") - b.at("ActiveEnter", "sysinit.target")
}

// at is when a unit came into a state, in ms.
func (b *bed) at(state, unit string) float64 {
	b.t.Helper()
	return b.figure("systemctl show --value -p "+state+"TimestampMonotonic "+unit) / 1000
}

// bootFigures prints what pkgd adds to a boot: its goal is the difference of whole
// boots with and without it. What pkgd itself takes from fork to READY, and beside
// it a shell that does nothing, shows what that is made of.
func (b *bed) bootFigures() {
	b.t.Helper()
	b.write("/etc/systemd/system/bare.service", "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 100000'\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	b.run("systemctl", "enable", "bare")
	var with, without, ours, bare []float64
	for range boots {
		b.run("systemctl", "disable", "pkgd.service", "pkgd.socket")
		without = append(without, b.bootTime())
		b.run("systemctl", "enable", "pkgd.service", "pkgd.socket")
		with = append(with, b.bootTime())
		ours, bare = append(ours, b.startTime("pkgd")), append(bare, b.startTime("bare"))
	}
	b.t.Logf("a boot from sysinit.target to multi-user.target, least and median of %d: with pkgd and 100 packages %s ms, without %s ms; it adds %.0f ms (goal: at most 30)",
		boots, leastAndMedian(with), leastAndMedian(without), median(with)-median(without))
	b.t.Logf("at boot from fork to READY: pkgd.service %s ms, a shell that does nothing %s ms", leastAndMedian(ours), leastAndMedian(bare))
	b.t.Logf("pkgd's processor time by then: %.0f ms", b.figure("awk '{print ($14+$15)*10}' /proc/$(systemctl show --value -p MainPID pkgd)/stat"))
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func leastAndMedian(all []float64) string {
	return fmt.Sprintf("%.0f and %.0f", slices.Min(all), median(all))
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

	b.bootFigures()
	var ours, bare []float64
	for range 9 {
		b.run("systemctl", "reset-failed", "pkgd", "bare")
		b.run("systemctl", "restart", "pkgd", "bare")
		ours, bare = append(ours, b.startTime("pkgd")), append(bare, b.startTime("bare"))
	}
	t.Logf("started again, least and median of %d: pkgd.service %s ms, a shell %s ms", len(ours), leastAndMedian(ours), leastAndMedian(bare))
}
