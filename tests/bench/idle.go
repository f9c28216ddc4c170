package main

import (
	"path/filepath"
	"time"
)

// quiet is how long an idle daemon is watched. No check is due in that time.
const quiet = 20 * time.Second

// measureIdle watches a daemon with 100 packages of which none is due, beside the
// stub.
func measureIdle(b *bench) ([]*figure, error) {
	h, _, err := b.hundred("services: embedded\nhealth: {interval: 24h, settle: 0s, bake: 0s}\n")
	if err != nil {
		return nil, err
	}
	defer h.close()
	stub, err := stubRunning(filepath.Join(b.work, "idle"))
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = terminate(stub) }()

	c := h.client()
	if err := h.settle(written); err != nil {
		return nil, err
	}
	before, err := h.traces(c)
	if err != nil {
		return nil, err
	}
	c.Close()
	if err := h.settle(wakeUps); err != nil { // what answering has left behind is gone
		return nil, err
	}
	wakes := &figure{
		name: "idle-wake-ups", what: "wake-ups in 20 s while idle, no check due", unit: "times",
		baseline: "stub daemon of Go's net/http", goal: atMost(0),
	}
	ours, base, err := watchSleep(h.pid(), stub.Process.Pid)
	if err != nil {
		return nil, err
	}
	wakes.add(ours, base)
	left, err := h.figuresOf(before, c, "idle", "while idle")
	if err != nil {
		return nil, err
	}
	mib, err := resident(stub.Process.Pid)
	if err != nil {
		return nil, err
	}
	memory := left[len(left)-1]
	memory.base, memory.baseline = []float64{mib}, wakes.baseline
	return append([]*figure{wakes}, left...), nil
}

// watchSleep counts how often two processes wake up in the same quiet time.
func watchSleep(ours, base int) (ourWakes, baseWakes float64, err error) {
	sample := func() (a, b float64) {
		var errA, errB error
		a, errA = wakeUps(ours)
		b, errB = wakeUps(base)
		if errA != nil {
			err = errA
		} else if errB != nil {
			err = errB
		}
		return a, b
	}
	a0, b0 := sample()
	time.Sleep(quiet)
	a1, b1 := sample()
	return a1 - a0, b1 - b0, err
}
