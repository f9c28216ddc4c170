package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"pkgd.io/pkgd/internal/client"
)

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

// How long a daemon that has started must not do a thing before its start counts as
// over, how often that is looked at, and for how long.
const (
	startedQuiet = 2 * time.Second
	startedLook  = 50 * time.Millisecond
	startedLimit = 2 * time.Minute
)

// settle waits until the daemon's start is over, so that a count of what the daemon
// does (what it has written, how often it woke up) grows no more. It answers before
// that: then it copies its state, as large as that is, and clears away garbage.
func (h *house) settle(count func(pid int) (float64, error)) error {
	last, since := -1.0, time.Now()
	for began := since; time.Since(began) < startedLimit; time.Sleep(startedLook) {
		now, err := count(h.pid())
		if err != nil {
			return err
		}
		if now != last || !h.copied() {
			last, since = now, time.Now()
		} else if time.Since(since) >= startedQuiet {
			return nil
		}
	}
	return fmt.Errorf("the daemon's start does not end, not in %v; its state is copied: %v", startedLimit, h.copied())
}

// copied tells whether this daemon's start has put the copy of its state in its
// place.
func (h *house) copied() bool {
	st, err := os.Stat(h.dirs.StateBackup())
	return err == nil && st.ModTime().After(h.began)
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
