package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// startsBefore is how often the aged root has been started.
const startsBefore = 100

// startFigures are filled round by round.
type startFigures struct{ serving, aged, ending *figure }

func newStartFigures() startFigures {
	return startFigures{
		serving: &figure{
			name: "start-until-serving/packages=100", what: "exec until the admin socket answers, 100 packages", unit: "ms",
			baseline: "stub daemon of Go's net/http", goal: atMost(40),
		},
		aged: &figure{
			name: "hundredth-start", what: "  the same: no slower than the first, ±10 %", unit: "ms",
			baseline: "first start, on a copy of the root before 100 others", goal: timesAtMost(1.1),
		},
		ending: &figure{
			name: "stop", what: "SIGTERM until exit, no change and no service", unit: "ms",
			baseline: "stub daemon of Go's net/http", goal: atMost(100),
		},
	}
}

// measureStart starts three daemons in turns: one on a root where it was started
// a hundred times before, one on a copy of what that root was then, and the stub.
func measureStart(b *bench) ([]*figure, error) {
	const rounds = 21
	old, fresh, err := b.aged()
	if err != nil {
		return nil, err
	}
	defer old.close()
	defer fresh.close()
	f := newStartFigures()
	for i := range rounds {
		if err := f.round(b.work, strconv.Itoa(i), old, fresh); err != nil {
			return nil, err
		}
	}
	return []*figure{f.serving, f.aged, f.ending}, nil
}

// aged is a house that was started often, and its copy from before that.
func (b *bench) aged() (old, fresh *house, err error) {
	if old, _, err = b.hundred(seldom); err != nil {
		return nil, nil, err
	}
	if _, err := old.stop(); err != nil {
		return nil, nil, err
	}
	if fresh, err = copyOf(old, b.work); err != nil {
		return nil, nil, err
	}
	for range startsBefore {
		if _, _, err := old.startAndStop(); err != nil {
			return nil, nil, err
		}
	}
	return old, fresh, nil
}

func (f startFigures) round(work, name string, old, fresh *house) error {
	stubStart, stubStop, err := stubStartAndStop(filepath.Join(work, "stub"+name))
	if err != nil {
		return err
	}
	first, err := firstStart(fresh, work)
	if err != nil {
		return err
	}
	start, stop, err := old.startAndStop()
	if err != nil {
		return err
	}
	f.serving.add(ms(start), ms(stubStart))
	f.aged.add(ms(start), ms(first))
	f.ending.add(ms(stop), ms(stubStop))
	return nil
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
