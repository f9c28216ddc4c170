package main

import (
	"context"
	"encoding/json"
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

// measureRest lets packages be at rest, and looks at the daemon.
func measureRest(b *bench) ([]*figure, error) {
	h, folder, err := b.hundred(restConfig)
	if err != nil {
		return nil, err
	}
	defer h.close()
	loops, leave, err := b.bareLoops(folder)
	if err != nil {
		return nil, err
	}
	defer leave()
	return h.watchRest(loops)
}

// hundred is a house with 100 packages, and the folder with their trees. The
// daemon was started after the installs.
func (b *bench) hundred(config string) (*house, string, error) {
	folder, err := os.MkdirTemp(b.work, "p")
	if err != nil {
		return nil, "", err
	}
	trees, err := writePackages(folder, restPackages)
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

// restWatch follows a daemon through windows at rest.
type restWatch struct {
	h      *house
	c      *client.Client
	loops  [len(paces)]*role
	shares restShares    // at the end of the last window
	asking time.Duration // CPU that the daemon spent on our questions
}

// restShares are the daemon's share and those of the loops, in their order.
type restShares [1 + len(paces)]share

// sample looks at all of them. What answering costs the daemon is left out.
func (w *restWatch) sample() (now restShares, err error) {
	before, err := ownCPU(w.h.pid())
	if err != nil {
		return now, err
	}
	now[0].cpu = before - w.asking
	if now[0].runs, err = runsOf(w.c); err != nil {
		return now, err
	}
	after, err := ownCPU(w.h.pid())
	if err != nil {
		return now, err
	}
	w.asking += after - before
	for i, loop := range w.loops {
		if now[i+1], err = loopShare(loop); err != nil {
			return now, err
		}
	}
	return now, nil
}

func (h *house) watchRest(loops [len(paces)]*role) ([]*figure, error) {
	figures := restFigures()
	w := &restWatch{h: h, c: h.client(), loops: loops}
	defer w.c.Close()
	time.Sleep(restWindow) // until what is made once is made
	traces, err := h.traces(w.c)
	if err != nil {
		return nil, err
	}
	if w.shares, err = w.sample(); err != nil {
		return nil, err
	}
	for range restWindows {
		time.Sleep(restWindow)
		now, err := w.sample()
		if err != nil {
			return nil, err
		}
		for i, f := range figures {
			f.add(now[0].perRun(w.shares[0]), now[1+i].perRun(w.shares[1+i]))
		}
		w.shares = now
	}
	left, err := h.figuresOf(traces, w.c, "rest", "while hooks run")
	return append(figures, left...), err
}

// restFigures compare the daemon with each of the loops.
func restFigures() []*figure {
	return []*figure{
		{
			name: "rest-own-cpu", what: "daemon's own CPU per run at rest, 100 packages", unit: "µs",
			baseline: "os/exec with a pipe", goal: timesAtMost(1.5),
		},
		{
			name: "rest-own-cpu/confined", what: "  the same", unit: "µs",
			baseline: "os/exec with a pipe on a confined thread", goal: timesAtMost(1.3),
		},
		{
			name: "rest-own-cpu/answering", what: "  the same", unit: "µs",
			baseline: "that, which also answers the hook's ctl", goal: noGoal,
		},
	}
}

// traces is what a daemon leaves behind on the disk, so far.
type traces struct {
	written  float64 // bytes, by the daemon and its children
	commits  float64
	logged   float64 // bytes that whoever keeps the log has to write
	database string  // size and time of the state's file
}

func (h *house) traces(c *client.Client) (t traces, err error) {
	if t.written, err = written(h.pid()); err != nil {
		return t, err
	}
	raw, err := c.Debug(context.Background(), "state")
	if err != nil {
		return t, err
	}
	var debug struct{ Commits float64 }
	if err := json.Unmarshal(raw, &debug); err != nil {
		return t, err
	}
	t.commits = debug.Commits
	st, err := os.Stat(h.dirs.State())
	if err != nil {
		return t, err
	}
	t.database = strconv.FormatInt(st.Size(), 10) + st.ModTime().String()
	t.logged = float64(len(h.log.String()))
	return t, nil
}

// figuresOf is what was left behind since, with the memory as it is now.
func (h *house) figuresOf(since traces, c *client.Client, name, when string) ([]*figure, error) {
	now, err := h.traces(c)
	if err != nil {
		return nil, err
	}
	mib, err := resident(h.pid())
	if err != nil {
		return nil, err
	}
	changed := 0.0
	if now.database != since.database {
		changed = 1
	}
	return []*figure{
		{name: name + "-written", what: "written to disk " + when, unit: "bytes", goal: atMost(0), ours: []float64{now.written - since.written}},
		{name: name + "-commits", what: "durable commits " + when, unit: "times", goal: atMost(0), ours: []float64{now.commits - since.commits}},
		{name: name + "-database", what: "changes of state.db " + when, unit: "times", goal: atMost(0), ours: []float64{changed}},
		{name: name + "-logged", what: "logged " + when, unit: "bytes", goal: atMost(0), ours: []float64{now.logged - since.logged}},
		{name: name + "-resident", what: "resident memory " + when, unit: "MiB", goal: atMost(25), ours: []float64{mib}},
	}, nil
}
