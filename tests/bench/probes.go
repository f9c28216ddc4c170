package main

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/gate"
)

// How the public listener is asked: pkgd and the bare handler in turns.
const (
	probeWindow = 500 * time.Millisecond
	probeRounds = 11
	polls       = 1000
)

// probed are the paths that are asked a thousand times.
var probed = []string{"/livez", "/health"}

// measureProbes asks the public listener of a daemon with 100 packages: while
// nothing happens, while all their hooks run every four seconds, and while the
// disk of its store hangs.
func measureProbes(b *bench) (figures []*figure, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	listen := "services: embedded\nlisten: [tcp://" + address + "]\n"
	h, _, err := b.hundred(listen + "health: {interval: 24h, settle: 0s, bake: 0s}\n")
	if err != nil {
		return nil, err
	}
	defer h.close()
	quiet, err := h.answers(address, "idle", "while idle")
	if err != nil {
		return nil, err
	}
	polled, err := h.pollThousand(address)
	if err != nil {
		return nil, err
	}
	if err := h.restartWith(listen + "health: {interval: 4s, settle: 0s, bake: 0s}\n"); err != nil {
		return nil, err
	}
	busy, err := h.answers(address, "hooks", "while 25 hooks run each second")
	if err != nil {
		return nil, err
	}
	if err := h.configure(listen + "health: {interval: 24h, settle: 0s, bake: 0s}\n"); err != nil {
		return nil, err
	}
	stalled, err := h.answersStalled(address)
	return append(append(append(quiet, busy...), stalled...), polled...), err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (h *house) restartWith(config string) error {
	if _, err := h.stop(); err != nil {
		return err
	}
	if err := h.configure(config); err != nil {
		return err
	}
	_, err := h.start()
	return err
}

// answers compares each path with a bare handler that gives the same bytes.
func (h *house) answers(address, name, when string) (figures []*figure, err error) {
	for _, path := range probed {
		bare, err := enter("bare-http", "http://"+address+path)
		if err != nil {
			return nil, err
		}
		two, err := compare(address, bare, path, name, when)
		bare.leave()
		if err != nil {
			return nil, err
		}
		figures = append(figures, two...)
	}
	return figures, nil
}

func compare(address string, bare *role, path, name, when string) ([]*figure, error) {
	baseline, err := bare.ask()
	if err != nil {
		return nil, err
	}
	rate := &figure{
		name: "probe" + path + "/" + name, what: path + " " + when, unit: "requests/s",
		baseline: "bare net/http handler, same bytes", goal: timesAtLeast(0.9),
	}
	p99 := &figure{
		name: rate.name + "-p99", what: "  99th percentile of the same", unit: "µs",
		baseline: rate.baseline, goal: timesAtMost(1.3),
	}
	for range probeRounds {
		ours, err := load(address, path, probeWindow)
		if err != nil {
			return nil, err
		}
		base, err := load(baseline, path, probeWindow)
		if err != nil {
			return nil, err
		}
		rate.add(ours.perSecond, base.perSecond)
		p99.add(ours.p99, base.p99)
	}
	return []*figure{rate, p99}, nil
}

// pollThousand counts what a thousand polls of everything leave behind.
func (h *house) pollThousand(address string) ([]*figure, error) {
	c := h.client()
	defer c.Close()
	before, err := h.traces(c)
	if err != nil {
		return nil, err
	}
	runs, err := runsOf(c)
	if err != nil {
		return nil, err
	}
	for _, path := range []string{"/livez", "/readyz", "/startupz", "/health", "/healthcheck", "/metrics"} {
		if _, err := ask(address, path, polls); err != nil {
			return nil, err
		}
	}
	now, err := h.traces(c)
	if err != nil {
		return nil, err
	}
	after, err := runsOf(c)
	one := func(name, what, unit string, n float64) *figure {
		return &figure{name: "polls-" + name, what: what + " by 1,000 polls of each path", unit: unit, goal: atMost(0), ours: []float64{n}}
	}
	return []*figure{
		one("hooks", "hooks started", "times", after-runs),
		one("written", "written to disk", "bytes", now.written-before.written),
		one("commits", "durable commits", "times", now.commits-before.commits),
	}, err
}

// answersStalled measures while a commit hangs in the kernel, and everything that
// would be written to the disk after it.
func (h *house) answersStalled(address string) (figures []*figure, err error) {
	if _, err := h.stop(); err != nil {
		return nil, err
	}
	var stalled atomic.Bool
	held, plugged := make(chan struct{}, 1), make(chan struct{})
	err = h.startBehind(func(c gate.Call) gate.Outcome {
		if stalled.Load() && strings.HasPrefix(c.Path(0), h.dirs.Root) {
			select {
			case held <- struct{}{}:
			default:
			}
			<-plugged
		}
		return gate.Through
	}, unix.SYS_PWRITE64, unix.SYS_FDATASYNC, unix.SYS_FSYNC)
	if err != nil {
		return nil, err
	}
	stalled.Store(true)
	change := h.pkgd("hold", packageName(0))
	if err := change.Start(); err != nil {
		return nil, err
	}
	defer func() {
		stalled.Store(false)
		close(plugged)
		if end := change.Wait(); err == nil {
			err = end
		}
	}()
	select {
	case <-held:
	case <-time.After(patience):
		return nil, fmt.Errorf("nothing is written by %v", change.Args)
	}
	return h.answers(address, "stalled", "while the store's disk hangs")
}

// startBehind is start with system calls held at a gate.
func (h *house) startBehind(rule gate.Rule, calls ...int) error {
	h.cmd = h.pkgd("run")
	h.cmd.Env, h.cmd.Stderr = h.cmd.Environ(), &h.log
	take, err := gate.Behind(h.cmd, calls...)
	if err != nil {
		return err
	}
	if err := h.cmd.Start(); err != nil {
		return err
	}
	if _, err := take(rule); err != nil {
		return err
	}
	return awaitAnswer(h.dirs.AdminSocket())
}
