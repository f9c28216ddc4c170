package state_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

// A setup is a list of tasks, each NAME, then >OTHER for what it waits for, :N
// for a lane, =WORD for how its handlers behave, any number of each:
//
//	fail       do fails                   retry      do asks for another go, once
//	undofail   undo fails                 undoretry  so does undo
//	abort      do aborts the change and is told to end
//	abortN     do aborts lane N
//	wait       do waits; the test then says Done
//	redo       do waits; the test then says Do
//	undowait   undo waits; the test then says Undone
//	noundo     there is no undo handler
//	setdone    do sets Done itself
//
// One handler runs at a time, and what can start starts in the order of the
// setup, after what waited for the task that just ended.
var orders = []struct{ name, setup, events, end string }{
	{"one task", "a", "a.do", "a:Done"},
	{"a chain", "a b>a c>b", "a.do b.do c.do", "a:Done b:Done c:Done"},
	{"order of adding", "a b c", "a.do b.do c.do", "a:Done b:Done c:Done"},
	{"a chain is followed first", "a b c>a", "a.do c.do b.do", "a:Done b:Done c:Done"},
	{"a diamond", "a b>a c>a d>b>c", "a.do b.do c.do d.do", "a:Done b:Done c:Done d:Done"},
	{"a handler that sets Done itself", "a=setdone b>a", "a.do b.do", "a:Done b:Done"},

	{"undo goes backwards", "a b>a c>b=fail", "a.do b.do c.do b.undo a.undo", "a:Undone b:Undone c:Error"},
	{"what waits is not begun", "a=fail b>a", "a.do", "a:Error b:Hold"},
	{"what was not done is not undone", "a b=fail c>b d>a", "a.do d.do b.do d.undo a.undo", "a:Undone b:Error c:Hold d:Undone"},
	{"an undo waits for all undos", "a b>a c>a d>b>c=fail", "a.do b.do c.do d.do b.undo c.undo a.undo", "a:Undone b:Undone c:Undone d:Error"},
	{"without undo handler", "a b>a=noundo c>b=fail", "a.do b.do c.do a.undo", "a:Undone b:Undone c:Error"},
	{"a failing undo stops nothing", "a b>a=undofail c>b=fail", "a.do b.do c.do b.undo a.undo", "a:Undone b:Error c:Error"},

	{"retry", "a=retry b>a", "a.do a.do b.do", "a:Done b:Done"},
	{"retry in undo", "a=undoretry b>a=fail", "a.do b.do a.undo a.undo", "a:Undone b:Error"},
	{"others go on during a retry", "a=retry b c>a", "a.do b.do a.do c.do", "a:Done b:Done c:Done"},

	{"wait", "a=wait b>a", "a.do b.do", "a:Done b:Done"},
	{"wait and do again", "a=redo b>a", "a.do a.do b.do", "a:Done b:Done"},
	{"what waited is undone", "a=wait b>a=fail", "a.do b.do a.undo", "a:Undone b:Error"},
	{"wait in undo", "a b>a=undowait c>b=fail", "a.do b.do c.do b.undo a.undo", "a:Undone b:Undone c:Error"},
	{"others go on during a wait", "a=wait b>a c", "a.do c.do b.do", "a:Done b:Done c:Done"},
	{"what waits for its do is undone by a failure", "a=wait b=fail", "a.do b.do a.undo", "a:Undone b:Error"},
	{"what waits for its undo is not undone again", "a:1=undowait b>a:1=fail c=fail", "a.do b.do a.undo c.do", "a:Undone b:Error c:Error"},

	{"abort", "a b>a=abort c>b", "a.do b.do b.undo a.undo", "a:Undone b:Undone c:Hold"},
	{"abort takes all lanes", "a:1 b:2=abort c>b:2", "a.do b.do b.undo a.undo", "a:Undone b:Undone c:Hold"},
	{"abort of a lane", "a:1 b:2 c>a>b:1=abort2 d>b:2", "a.do b.do c.do c.undo a.undo b.undo", "a:Undone b:Undone c:Undone d:Hold"},
	{"abort of a lane not begun", "a:1 b:2 c>b:2 d>a:1=abort2", "a.do d.do", "a:Done b:Hold c:Hold d:Done"},
	{"abort of a lane that is done", "b:2 c>b:2 a:1 d>a:1=abort2", "b.do c.do a.do d.do c.undo b.undo", "b:Undone c:Undone a:Done d:Done"},

	{"a lane falls alone", "a:1 b>a:1=fail c:2 d>c:2", "a.do b.do a.undo c.do d.do", "a:Undone b:Error c:Done d:Done"},
	{"without lane all falls", "a:1 b>a=fail c:2", "a.do b.do a.undo", "a:Undone b:Error c:Hold"},
	{"a task before the lanes stays", "a b>a:1=fail c>a:2", "a.do b.do c.do", "a:Done b:Error c:Done"},
	{"a task after the lanes is held", "a:1=fail b:2 c>a>b", "a.do b.do", "a:Error b:Done c:Hold"},
	{"what waits takes its lane along", "a:1 b>a:1=fail c:2 d>b>c:2", "a.do b.do a.undo", "a:Undone b:Error c:Hold d:Hold"},
	{"what waits takes its done lane along", "c:2 a:1 b>a:1=fail d>b>c:2", "c.do a.do b.do c.undo a.undo", "c:Undone a:Undone b:Error d:Hold"},

	{"a shared task stays with one of its lanes", "s:1:2 a>s:1=fail b>s:2", "s.do a.do b.do", "s:Done a:Error b:Done"},
	{"a shared task falls with the last of its lanes", "s:1:2 a>s:1=fail b>s:2=fail", "s.do a.do b.do s.undo", "s:Undone a:Error b:Error"},
	{"a shared task that fails takes all its lanes", "a:1 b:2 s>a>b:1:2=fail c:3", "a.do b.do s.do a.undo b.undo c.do", "a:Undone b:Undone s:Error c:Done"},
	{"a shared task that needs a dead lane takes the other", "a:1=fail b:2 s>a:1:2 c>b:2", "a.do", "a:Error b:Hold s:Hold c:Hold"},
	{"three lanes share two tasks", "s:1:2 u>s:2:3 a>u:1=fail b>u:2 c>u:3=fail", "s.do u.do a.do b.do c.do", "s:Done u:Done a:Error b:Done c:Error"},
	{"a shared task done in between", "s:1:2 a>s:1 u>a:1:2 b>u:1=fail c>u:2", "s.do a.do u.do b.do u.undo a.undo s.undo", "s:Undone a:Undone u:Undone b:Error c:Hold"},
}

func TestEventsComeInOrder(t *testing.T) {
	for _, c := range orders {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrder(t, c.setup)
				<-o.change.Ready()
				if got := strings.Join(o.events, " "); got != c.events {
					t.Errorf("events of %q:\n got %s\nwant %s", c.setup, got, c.events)
				}
				if got := o.end(); got != c.end {
					t.Errorf("statuses of %q:\n got %s\nwant %s", c.setup, got, c.end)
				}
			})
		})
	}
}

// order is one setup at work.
type order struct {
	s      *state.State
	change *state.Change
	names  []string
	tasks  map[string]*state.Task

	mu     sync.Mutex
	events []string
	runs   map[string]int
}

func newOrder(t *testing.T, setup string) *order {
	s := openAt(t, filepath.Join(tempDir(t), "state.db"), state.Options{})
	o := &order{s: s, tasks: map[string]*state.Task{}, runs: map[string]int{}}
	r := state.NewTaskRunner(s)
	r.SetBlocked(func(_ *state.Task, running []*state.Task) bool { return len(running) > 0 })
	r.AddHandler("both", o.do, o.undo)
	r.AddHandler("noundo", o.do, nil)
	s.OnTaskStatus(o.resolveWait)
	locked(s, func() { o.build(setup) })
	startLoop(t, s, r)
	return o
}

func (o *order) build(setup string) {
	o.change = o.s.NewChange("order", setup)
	lanes := map[string]int{}
	for _, item := range strings.Fields(setup) {
		kind := "both"
		if strings.Contains(item, "=noundo") {
			kind = "noundo"
		}
		name, rest := split(item)
		task := o.s.NewTask(kind, name)
		for rest != "" {
			var word string
			mark := rest[0]
			word, rest = split(rest[1:])
			switch mark {
			case '>':
				task.WaitFor(o.tasks[word])
			case ':':
				for len(lanes) < 3 { // so that lane N is lane N
					n := o.s.NewLane()
					lanes[strconv.Itoa(n)] = n
				}
				task.JoinLane(lanes[word])
			case '=':
				task.Set("behave", word)
			}
		}
		o.change.AddTask(task)
		o.tasks[name] = task
		o.names = append(o.names, name)
	}
}

func split(s string) (head, tail string) {
	i := strings.IndexAny(s, ">:=")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func (o *order) end() string {
	var out []string
	locked(o.s, func() {
		for _, name := range o.names {
			out = append(out, fmt.Sprintf("%s:%v", name, o.tasks[name].Status()))
		}
	})
	return strings.Join(out, " ")
}

// note records an event, and tells how a task behaves and how often this has
// happened before.
func (o *order) note(task *state.Task, event string) (behave string, before int) {
	locked(o.s, func() { _ = task.Get("behave", &behave) })
	o.mu.Lock()
	defer o.mu.Unlock()
	event = task.Summary() + "." + event
	o.events = append(o.events, event)
	o.runs[event]++
	return behave, o.runs[event] - 1
}

func (o *order) do(ctx context.Context, task *state.Task) error {
	behave, before := o.note(task, "do")
	switch {
	case behave == "fail":
		return errors.New(task.Summary() + " failed")
	case behave == "retry" && before == 0:
		return &state.Retry{After: time.Minute}
	case behave == "wait", behave == "redo" && before == 0:
		return &state.Wait{}
	case behave == "setdone":
		locked(o.s, func() { task.SetStatus(state.DoneStatus) })
	case behave == "abort":
		locked(o.s, o.change.Abort)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), state.ErrAborted) {
			return fmt.Errorf("unexpected cause %w", context.Cause(ctx))
		}
		return ctx.Err()
	case strings.HasPrefix(behave, "abort"):
		lane, _ := strconv.Atoi(behave[len("abort"):])
		locked(o.s, func() { o.change.AbortLanes([]int{lane}) })
	}
	return nil
}

func (o *order) undo(_ context.Context, task *state.Task) error {
	behave, before := o.note(task, "undo")
	switch {
	case behave == "undofail":
		return errors.New("undo of " + task.Summary() + " failed")
	case behave == "undoretry" && before == 0:
		return fmt.Errorf("not yet: %w", state.Retry{After: time.Minute})
	case behave == "undowait":
		return state.Wait{}
	}
	return nil
}

// resolveWait is the somebody for whom a task in Wait waits.
func (o *order) resolveWait(task *state.Task, old, now state.Status) {
	if now != state.WaitStatus {
		return
	}
	to := map[state.Status]state.Status{state.DoingStatus: state.DoneStatus, state.UndoingStatus: state.UndoneStatus}[old]
	var behave string
	if task.Get("behave", &behave) == nil && behave == "redo" {
		to = state.DoStatus
	}
	time.AfterFunc(time.Second, func() { // others go on meanwhile
		locked(o.s, func() {
			if task.Status() == state.WaitStatus {
				task.SetStatus(to)
			}
		})
	})
}
