package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pkgd.io/pkgd/internal/client"
)

// At rest pkgd and the bare loops run at the same time and at the same pace, so
// that each meets what the others make of the machine.
const (
	restPackages = 100
	restConfig   = "services: embedded\nhealth: {interval: 4s, settle: 0s, bake: 0s}\n"
	restPace     = 40 * time.Millisecond // 100 packages in 4 s
	restWindow   = 4 * time.Second
	restWindows  = 9
)

// measureRest lets packages be at rest, and looks at two daemons: of one the hooks
// are confined, of the other not.
func measureRest(b *bench) ([]*figure, error) {
	confined, folder, err := b.hundred(restConfig)
	if err != nil {
		return nil, err
	}
	defer confined.close()
	unconfined, _, err := b.hundredWith(restConfig, "confinement: none\n")
	if err != nil {
		return nil, err
	}
	defer unconfined.close()
	loops, leave, err := b.bareLoops(folder)
	if err != nil {
		return nil, err
	}
	defer leave()
	w := &restWatch{daemons: [...]*restDaemon{confined.atRest(), unconfined.atRest()}, loops: loops}
	defer w.close()
	return w.figures()
}

// hundred is a house with 100 packages, and the folder with their trees. The
// daemon was started after the installs.
func (b *bench) hundred(config string) (*house, string, error) { return b.hundredWith(config, "") }

// hundredWith is hundred with lines in the packages' manifests.
func (b *bench) hundredWith(config, lines string) (*house, string, error) {
	folder, err := os.MkdirTemp(b.work, "p")
	if err != nil {
		return nil, "", err
	}
	trees, err := writePackages(folder, restPackages, lines)
	if err != nil {
		return nil, "", err
	}
	h, err := b.inhabited(trees, seldom)
	if err != nil {
		return nil, "", err
	}
	if _, err := h.stop(); err != nil {
		return nil, "", err
	}
	if err := h.configure(config); err != nil {
		return nil, "", err
	}
	if _, err := h.start(); err != nil {
		return nil, "", err
	}
	return h, folder, h.mustShow(restPackages)
}

// mustShow fails unless the daemon knows so many packages, all of them active.
func (h *house) mustShow(packages int) error {
	c := h.client()
	defer c.Close()
	health, err := c.Health(context.Background())
	if err == nil && health.Counts["active"] != packages {
		err = fmt.Errorf("instead of %d active packages there are %v", packages, health.Counts)
	}
	return err
}

// paces are the loops that pkgd at rest is compared with.
var paces = [...]string{paceBare, paceConfined, paceAnswering}

// bareLoops starts them.
func (b *bench) bareLoops(folder string) (loops [len(paces)]*role, leave func(), err error) {
	socket := filepath.Join(b.work, "rest")
	stub, err := enter("stub-ctl", socket)
	if err != nil {
		return loops, nil, err
	}
	all := []*role{stub}
	leave = func() {
		for _, r := range all {
			r.leave()
		}
	}
	for i, how := range paces {
		loops[i], err = enter("pace", folder, b.bin, socket, strconv.Itoa(restPackages), restPace.String(), how)
		if err != nil {
			leave()
			return loops, nil, err
		}
		all = append(all, loops[i])
	}
	return loops, leave, nil
}

// share is how much of its own CPU somebody spent on how many runs, so far.
type share struct {
	cpu  time.Duration
	runs float64
}

// perRun is the CPU of a run between two moments, in µs.
func (s share) perRun(since share) float64 {
	return float64((s.cpu - since.cpu).Nanoseconds()) / 1e3 / (s.runs - since.runs)
}

func loopShare(r *role) (share, error) {
	line, err := r.ask()
	if err != nil {
		return share{}, err
	}
	runs, err := strconv.ParseFloat(line, 64)
	if err != nil {
		return share{}, err
	}
	cpu, err := ownCPU(r.pid())
	return share{cpu, runs}, err
}

// runsOf is how many runs of hooks the daemon has counted.
func runsOf(c *client.Client) (runs float64, err error) {
	health, err := c.Health(context.Background())
	for _, rec := range health.Packages {
		runs += float64(rec.Runs)
	}
	return runs, err
}

// restDaemon is a daemon whose packages are at rest.
type restDaemon struct {
	h      *house
	c      *client.Client
	asking time.Duration // CPU that it spent on our questions
}

func (h *house) atRest() *restDaemon { return &restDaemon{h: h, c: h.client()} }

// share is the daemon's. What answering costs it is left out.
func (d *restDaemon) share() (now share, err error) {
	before, err := ownCPU(d.h.pid())
	if err != nil {
		return now, err
	}
	now.cpu = before - d.asking
	if now.runs, err = runsOf(d.c); err != nil {
		return now, err
	}
	after, err := ownCPU(d.h.pid())
	d.asking += after - before
	return now, err
}

// restWatch follows daemons and loops through windows at rest.
type restWatch struct {
	daemons [2]*restDaemon // with hooks that are confined, and with hooks that are not
	loops   [len(paces)]*role
}

func (w *restWatch) close() {
	for _, d := range w.daemons {
		d.c.Close()
	}
}

// restShares are what all of them spent at the same time.
type restShares struct {
	daemons [2]share
	loops   [len(paces)]share
}

func (w *restWatch) sample() (now restShares, err error) {
	for i, d := range w.daemons {
		if now.daemons[i], err = d.share(); err != nil {
			return now, err
		}
	}
	for i, loop := range w.loops {
		if now.loops[i], err = loopShare(loop); err != nil {
			return now, err
		}
	}
	return now, nil
}

// restFigure compares a daemon with a loop, both by their places.
type restFigure struct {
	daemon, loop int
	*figure
}

func (w *restWatch) figures() (all []*figure, err error) {
	time.Sleep(restWindow) // until what is made once is made
	if err := w.daemons[0].h.settle(written); err != nil {
		return nil, err
	}
	traces, err := w.daemons[0].h.traces(w.daemons[0].c)
	if err != nil {
		return nil, err
	}
	last, err := w.sample()
	if err != nil {
		return nil, err
	}
	figures := restFigures()
	for range restWindows {
		time.Sleep(restWindow)
		now, err := w.sample()
		if err != nil {
			return nil, err
		}
		for _, f := range figures {
			f.add(now.daemons[f.daemon].perRun(last.daemons[f.daemon]), now.loops[f.loop].perRun(last.loops[f.loop]))
		}
		last = now
	}
	for _, f := range figures {
		all = append(all, f.figure)
	}
	left, err := w.daemons[0].h.figuresOf(traces, w.daemons[0].c, "rest", "while hooks run")
	return append(all, left...), err
}

// restFigures hold each daemon to the loop that does the same with hooks, and show
// the one that confines them beside other loops.
func restFigures() []restFigure {
	const plain, onConfined = "os/exec with a pipe", "os/exec with a pipe on a confined thread"
	return []restFigure{
		{0, 1, &figure{
			name: "rest-own-cpu/confined", what: "daemon's own CPU per run at rest, 100 packages", unit: "µs",
			baseline: onConfined, goal: timesAtMost(1.3),
		}},
		{1, 0, &figure{
			name: "rest-own-cpu/unconfined", what: "  the same with confinement: none", unit: "µs",
			baseline: plain, goal: timesAtMost(1.5),
		}},
		{0, 0, &figure{
			name: "rest-own-cpu/plain", what: "  the same, confined", unit: "µs",
			baseline: plain + ", not confined", goal: noGoal,
		}},
		{0, 2, &figure{
			name: "rest-own-cpu/answering", what: "  the same, confined", unit: "µs",
			baseline: onConfined + ", answering ctl too", goal: noGoal,
		}},
	}
}
