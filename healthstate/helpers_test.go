package healthstate_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// checks is how many cases a property is tried with, where the command line
// does not say: they run in virtual time and cost little.
const checks = "300"

var load = flag.Bool("load", false, "run what takes long")

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m) // parses the command line
}

// answer is what a fake hook does once.
type answer struct {
	status, code, message string // status empty: says nothing
	checks                []api.Check
	exit                  int
	timeout               bool
	takes                 time.Duration
	dies                  time.Duration // that it takes to be killed
	err                   error         // the run could not be made
}

var (
	active  = answer{status: "active"}
	waiting = answer{status: "waiting", message: "for the database"}
	broken  = answer{status: "error", code: "disk-full", message: "No space left"}
	blocked = answer{status: "blocked", code: "no-license", message: "Enter the licence key"}
	busy    = answer{status: "maintenance", message: "migrating"}
	silent  = answer{}
	failing = answer{exit: 3}
	hanging = answer{timeout: true, takes: 30 * time.Second}
)

// fakeRunner runs no process: answer says what each run does.
type fakeRunner struct {
	contexts *hookrunner.Contexts
	answer   func(run hookrunner.Run, n int) answer // n counts the package's runs from 0

	mu   sync.Mutex // guards what follows
	runs map[string][]started
	now  map[string]int // runs under way
	most int            // of all packages at once
	all  int
	over bool // two runs of one package at once
}

type started struct {
	hookrunner.Run
	at time.Time
}

func newFakeRunner(f func(run hookrunner.Run, n int) answer) *fakeRunner {
	return &fakeRunner{contexts: hookrunner.NewContexts(), answer: f, runs: map[string][]started{}, now: map[string]int{}}
}

// always answers the same for every package.
func always(a answer) *fakeRunner {
	return newFakeRunner(func(hookrunner.Run, int) answer { return a })
}

// inTurn gives one answer after the other, the last one for ever.
func inTurn(list ...answer) *fakeRunner {
	return newFakeRunner(func(_ hookrunner.Run, n int) answer { return list[min(n, len(list)-1)] })
}

func (r *fakeRunner) Run(ctx context.Context, run hookrunner.Run) (hookrunner.Result, error) {
	a := r.begin(run)
	defer r.end(run.Name)
	res := hookrunner.Result{Start: time.Now(), Timeout: run.Timeout, ExitCode: a.exit, TimedOut: a.timeout, Output: []byte("output of " + run.Hook)}
	select {
	case <-time.After(a.takes):
	case <-ctx.Done():
		<-time.After(a.dies)
		res.Aborted, res.Cause = true, context.Cause(ctx)
		return res, nil
	}
	hctx, _, err := r.contexts.Open(hookrunner.Spec{Package: run.Name, Revision: run.Revision, Hook: run.Hook, Phase: run.Phase, Ephemeral: true})
	if err != nil {
		return res, err
	}
	if a.status != "" {
		if _, err := healthstate.SetHealth(hctx, a.status, a.code, a.message, nil); err != nil {
			return res, err
		}
	}
	for _, c := range a.checks {
		if err := healthstate.AddCheck(hctx, c.Name, c.Health, c.Message, c.QoS, c.Data); err != nil {
			return res, err
		}
	}
	hctx.Close()
	res.Context, res.Duration = hctx, time.Since(res.Start)
	return res, a.err
}

func (r *fakeRunner) begin(run hookrunner.Run) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.runs[run.Name])
	r.runs[run.Name] = append(r.runs[run.Name], started{run, time.Now()})
	r.now[run.Name]++
	r.all++
	r.most = max(r.most, r.all)
	r.over = r.over || r.now[run.Name] > 1
	return r.answer(run, n)
}

func (r *fakeRunner) end(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[name]--
	r.all--
}

// of gives the runs of a package so far.
func (r *fakeRunner) of(name string) []started {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]started(nil), r.runs[name]...)
}

// under tells how many runs of a package are under way.
func (r *fakeRunner) under(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now[name]
}

// resting tells whether the run of a package under way is one at rest.
func (r *fakeRunner) resting(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs := r.runs[name]
	return r.now[name] > 0 && runs[len(runs)-1].Phase == hookrunner.PhaseRest
}

// overlap tells whether one package was ever run twice at once.
func (r *fakeRunner) overlap() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// peak is how many runs were under way at most.
func (r *fakeRunner) peak() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

// fakeServices is a service manager whose services do what the test says.
type fakeServices struct {
	service.Manager // nil: only what follows may be called
	events          service.Events

	mu  sync.Mutex // guards what follows
	all map[string][]service.Status
	err error
}

func (s *fakeServices) Status(_ context.Context, pkg string) ([]service.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]service.Status(nil), s.all[pkg]...), s.err
}

func (s *fakeServices) Subscribe(f func(service.Event)) (cancel func()) { return s.events.Subscribe(f) }

// set makes these the services of a package, with an event if kind is not empty.
func (s *fakeServices) set(pkg, kind string, all ...service.Status) {
	s.mu.Lock()
	if s.all == nil {
		s.all = map[string][]service.Status{}
	}
	for i := range all {
		all[i].Package = pkg
		all[i].Revision = max(all[i].Revision, 1)
	}
	s.all[pkg] = all
	s.mu.Unlock()
	if kind != "" {
		s.events.Publish(service.Event{Package: pkg, Service: all[0].Name, Kind: kind, At: time.Now()})
	}
}

func up(name string, restarts int) service.Status {
	return service.Status{Name: name, State: service.Active, PID: 77, Restarts: restarts}
}

func down(name string) service.Status {
	return service.Status{Name: name, State: service.Failed, Detail: "exited with status 1"}
}

func between(name string, restarts int) service.Status {
	return service.Status{Name: name, State: service.Activating, Detail: "starts again in 30s", Restarts: restarts}
}

// house is a manager with all that it stands on.
type house struct {
	*healthstate.Manager
	st   *state.State
	run  *fakeRunner
	svc  *fakeServices
	path string
}

// build makes a house that falls down with the test.
func build(t *testing.T, r *fakeRunner, o healthstate.Options) *house {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &house{run: r, svc: &fakeServices{}, path: filepath.Join(dir, "state.db")}
	h.open(t, o)
	t.Cleanup(func() {
		h.close(t)
		if r.overlap() {
			t.Error("two runs of one package at once")
		}
	})
	return h
}

func (h *house) open(t *testing.T, o healthstate.Options) {
	t.Helper()
	st, err := state.Open(h.path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.st = st
	h.Manager = healthstate.NewManagerOn(st, h.run, h.svc, o)
}

func (h *house) close(t *testing.T) {
	t.Helper()
	h.Stop()
	h.svc.events.Close()
	if err := h.st.Close(); err != nil {
		t.Error(err)
	}
}

// reopen is a restart of the daemon; asleep is how long it was not there for.
func (h *house) reopen(t *testing.T, o healthstate.Options) {
	t.Helper()
	h.close(t)
	h.svc = &fakeServices{all: h.svc.all}
	h.open(t, o)
}

func (h *house) start(t *testing.T) {
	t.Helper()
	if err := h.StartUp(); err != nil {
		t.Fatal(err)
	}
}

func (h *house) warnings() []string {
	h.st.Lock()
	defer h.st.Unlock()
	list := []string{}
	for _, w := range h.st.Warnings() {
		list = append(list, w.Code+": "+w.Message)
	}
	return list
}

func (h *house) record(t *testing.T, name string) api.Record {
	t.Helper()
	rec, ok := h.Record(name)
	if !ok {
		t.Fatalf("package %q is not tracked", name)
	}
	return rec
}

// word is a record in one word, or two.
func word(r api.Record) string {
	text := r.Status
	if r.Code != "" {
		text += " " + r.Code
	}
	if r.Stale {
		text += " (stale)"
	}
	return text
}

func target(name string, rev int) healthstate.Target {
	return healthstate.Target{
		Package: hookrunner.Package{Name: name, Revision: rev, Version: "1.0", Root: "/nowhere/" + name},
		Hook:    true,
	}
}

func qos(f float64) *float64 { return &f }

// pass lets virtual time go by, and what it starts come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// minutes is n of them.
func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
