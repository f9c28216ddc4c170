package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// measureStart starts three daemons in turns: one on a root where it was started
// a hundred times before, one on a fresh copy of what that root was, and the
// stub.
func measureStart(b *bench) ([]*figure, error) {
	const before, rounds = 100, 21
	serving := &figure{
		name: "start-until-serving/packages=100", what: "start until serving, 100 packages, 100 starts before", unit: "ms",
		baseline: "stub daemon of Go's net/http", goal: atMost(40),
	}
	aged := &figure{
		name: "hundredth-start", what: "the same (no slower than the first, ±10 %)", unit: "ms",
		baseline: "first start on a copy of the root", goal: timesAtMost(1.1),
	}
	ending := &figure{
		name: "stop", what: "SIGTERM until exit, no change and no service", unit: "ms",
		baseline: "stub daemon of Go's net/http", goal: atMost(100),
	}
	old, _, err := b.hundred(seldom)
	if err != nil {
		return nil, err
	}
	defer old.close()
	if _, err := old.stop(); err != nil {
		return nil, err
	}
	fresh, err := copyOf(old, b.work)
	if err != nil {
		return nil, err
	}
	defer fresh.close()
	for range before {
		if _, _, err := old.startAndStop(); err != nil {
			return nil, err
		}
	}
	for i := range rounds {
		stubStart, stubStop, err := stubStartAndStop(filepath.Join(b.work, "stub"+strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		first, err := firstStart(fresh, b.work)
		if err != nil {
			return nil, err
		}
		start, stop, err := old.startAndStop()
		if err != nil {
			return nil, err
		}
		serving.add(ms(start), ms(stubStart))
		aged.add(ms(start), ms(first))
		ending.add(ms(stop), ms(stubStop))
	}
	return []*figure{serving, aged, ending}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (h *house) startAndStop() (start, stop time.Duration, err error) {
	if start, err = h.start(); err != nil {
		return 0, 0, err
	}
	stop, err = h.stop()
	return start, stop, err
}

// firstStart is the first one on a copy of h.
func firstStart(h *house, folder string) (time.Duration, error) {
	c, err := copyOf(h, folder)
	if err != nil {
		return 0, err
	}
	defer c.close()
	start, _, err := c.startAndStop()
	return start, err
}

func stubStartAndStop(socket string) (start, stop time.Duration, err error) {
	cmd := roleCommand("stub-daemon", socket)
	if start, err = startUntilAnswering(cmd, socket); err != nil {
		return 0, 0, err
	}
	stop, err = terminate(cmd)
	return start, stop, err
}

// stubRunning starts the stub, which the caller ends.
func stubRunning(socket string) (*exec.Cmd, error) {
	cmd := roleCommand("stub-daemon", socket)
	_, err := startUntilAnswering(cmd, socket)
	return cmd, err
}
