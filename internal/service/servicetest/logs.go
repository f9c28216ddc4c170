package servicetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// logs is about what services print.
var logs = []scenario{
	{"what a service prints can be read", outputIsRead},
	{"the last lines are the newest", lastLinesAreNewest},
	{"a follower hears lines as they come, across a restart", followerHearsLines},
	{"a follower hears all lines from a moment on", followerStarts},
	{"the output of all of a package's services can be read at once", outputOfAllIsRead},
	{"an unknown service has no output", unknownHasNoOutput},
	{"a reader that fails ends the reading", failingReaderEnds},
}

// lines reads the last n lines of a service, which has printed all by now.
func (h *house) lines(name string, n int) []string {
	h.t.Helper()
	var got []string
	must(h.t, h.m.Logs(h.ctx, pkg, name, n, func(l api.LogLine) error {
		if l.Package != pkg || l.At.IsZero() {
			h.t.Errorf("unlikely line %+v", l)
		}
		got = append(got, l.Line)
		return nil
	}))
	return got
}

// follow gives a service's lines as they come.
func (h *house) follow(name string, since time.Time) (lines func() string, end func() error) {
	c := make(chan string)
	ctx, cancel := context.WithCancel(h.ctx)
	done := later(func() error {
		return h.m.Follow(ctx, pkg, name, since, func(l api.LogLine) error {
			select {
			case c <- l.Line:
				return nil
			case <-ctx.Done():
				return nil
			}
		})
	})
	lines = func() string {
		h.t.Helper()
		var line string
		must(h.t, h.answer(later(func() error {
			select {
			case line = <-c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})))
		return line
	}
	return lines, func() error { cancel(); return h.answer(done) }
}

func outputIsRead(h *house) {
	h.start(h.unit("a", `echo one; echo two >&2; printf three; `+say("a up")+`; exec sleep 1000`))
	h.said.want("a up")
	h.stop()
	if got := h.lines("a", -1); !slices.Equal(got, []string{"one", "two", "three"}) {
		h.t.Errorf("the service printed %q", got)
	}
}

func lastLinesAreNewest(h *house) {
	h.start(h.unit("a", `i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; `+up("a")))
	h.said.want("a up")
	h.stop()
	if got := h.lines("a", 2); !slices.Equal(got, []string{"line 98", "line 99"}) {
		h.t.Errorf("the last lines are %q", got)
	}
	if got := h.lines("a", 0); len(got) != 0 {
		h.t.Errorf("no lines are %q", got)
	}
}

func followerHearsLines(h *house) {
	g := h.gate("gate")
	u := h.unit("a", `echo begins; `+g.wait()+`; echo goes on; exec sleep 1000`)
	h.start(u)
	next, end := h.follow("a", time.Time{})
	want := func(line string) {
		h.t.Helper()
		if got := next(); got != line {
			h.t.Fatalf("the follower hears %q, want %q", got, line)
		}
	}
	want("begins")
	g.open()
	want("goes on")
	h.stop()
	h.start(u)
	want("begins")
	must(h.t, end())
}

// followerStarts has one line come before the moment and one after it, both before
// the follower begins.
func followerStarts(h *house) {
	g := h.gate("gate")
	h.start(h.unit("a", `echo before; `+say("before")+"; "+g.wait()+`; echo after; `+say("after")+"; "+g.wait()+"; echo later; exec sleep 1000"))
	h.said.want("before")
	for h.ctx.Err() == nil && len(h.lines("a", -1)) == 0 { // until the line is kept, and dated
	}
	since := time.Now()
	g.open()
	h.said.want("after")
	next, end := h.follow("a", since)
	if got := next(); got != "after" {
		h.t.Errorf("the follower hears %q first", got)
	}
	g.open()
	if got := next(); got != "later" {
		h.t.Errorf("then the follower hears %q", got)
	}
	must(h.t, end())
}

func outputOfAllIsRead(h *house) {
	for _, name := range []string{"a", "b"} {
		h.start(h.unit(name, fmt.Sprintf("echo this is %s; %s", name, up(name))))
		h.said.want(name + " up")
		h.stop()
	}
	if got := h.lines("", -1); !slices.Equal(got, []string{"this is a", "this is b"}) {
		h.t.Errorf("the services printed %q", got)
	}
	if got := h.lines("b", -1); !slices.Equal(got, []string{"this is b"}) {
		h.t.Errorf("b printed %q", got)
	}
}

func unknownHasNoOutput(h *house) {
	h.start(h.unit("a", up("a")))
	err := h.m.Logs(h.ctx, pkg, "nobody", 10, func(api.LogLine) error { return nil })
	if err == nil {
		h.t.Error("an unknown service has output")
	}
}

func failingReaderEnds(h *house) {
	h.start(h.unit("a", `while :; do echo line; done & `+up("a")))
	h.said.want("a up")
	broken := errors.New("broken pipe")
	err := h.m.Follow(h.ctx, pkg, "a", time.Time{}, func(api.LogLine) error { return broken })
	if !errors.Is(err, broken) {
		h.t.Errorf("a failing reader ends with %v", err)
	}
}
