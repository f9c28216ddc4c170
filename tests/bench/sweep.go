package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// seldom is the configuration of a daemon that does nothing by itself while it
// is watched, and whose installs wait for nothing.
const seldom = "services: embedded\nhealth: {interval: 24h, settle: 0s, bake: 0s}\n"

// measureSweep runs 1,000 packages' hooks, by the daemon and by a bare loop.
func measureSweep(b *bench) ([]*figure, error) {
	const packages, rounds = 1000, 4
	f := &figure{
		name: "sweep/packages=1000", what: "CPU of 1,000 hooks in one pkgd check", unit: "s",
		baseline: "fork-exec loop of the same hooks, stub socket", goal: timesAtMost(1.3),
	}
	folder := filepath.Join(b.work, "many")
	trees, err := writePackages(folder, packages, "")
	if err != nil {
		return nil, err
	}
	h, err := b.inhabited(trees, seldom)
	if err != nil {
		return nil, err
	}
	defer h.close()
	socket := filepath.Join(b.work, "sweep")
	stub, err := enter("stub-ctl", socket)
	if err != nil {
		return nil, err
	}
	defer stub.leave()
	for range rounds {
		base, err := bareSweepCPU(stub, folder, b.bin, socket, packages)
		if err != nil {
			return nil, err
		}
		ours, err := h.sweepCPU(packages)
		if err != nil {
			return nil, err
		}
		f.add(ours.Seconds(), base.Seconds())
	}
	return []*figure{f}, nil
}

// inhabited is a house with packages and a running daemon.
func (b *bench) inhabited(trees []string, config string) (*house, error) {
	h, err := newHouse(b.bin, b.work, config)
	if err != nil {
		return nil, err
	}
	if _, err := h.start(); err != nil {
		h.close()
		return nil, err
	}
	if err := h.install(trees); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// sweepCPU is what one pkgd check takes: the daemon, all hooks, and the command.
func (h *house) sweepCPU(packages int) (time.Duration, error) {
	before, err := h.treeCPU()
	if err != nil {
		return 0, err
	}
	cmd := h.pkgd("check")
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	if want := fmt.Sprintf("OK - %d packages: %d active", packages, packages); len(out) < len(want) || string(out[:len(want)]) != want {
		return 0, fmt.Errorf("pkgd check says %.80q", out)
	}
	after, err := h.treeCPU()
	return after - before + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// treeCPU is what the daemon and its children have used so far.
func (h *house) treeCPU() (time.Duration, error) {
	own, err := ownCPU(h.pid())
	if err != nil {
		return 0, err
	}
	children, err := childrenCPU(h.pid())
	return own + children, err
}

// bareSweepCPU is what the bare loop takes: itself, all hooks, and the stub.
func bareSweepCPU(stub *role, folder, bin, socket string, packages int) (time.Duration, error) {
	before, err := ownCPU(stub.pid())
	if err != nil {
		return 0, err
	}
	cmd := roleCommand("sweep", folder, bin, socket, strconv.Itoa(packages))
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	after, err := ownCPU(stub.pid())
	return after - before + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}
