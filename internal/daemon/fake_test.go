package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/dirs"
)

// fake stands for all the rooms below. It answers with made, which tests set,
// and remembers what it was asked.
type fake struct {
	made   made
	failed error // what every call that can fail gives

	mu         sync.Mutex // guards asked, publish and health
	asked      []string
	publish    map[int]func(api.Event)
	transition map[int]func(api.Transition, api.Record)
	next       int

	store, synced error            // why the state cannot be written, and after the next attempt
	breaks        bool             // a change's beginning finds the state failing
	between       []api.LogLine    // what is written before following begins
	follow        chan api.LogLine // what following logs gives
	wait          func(ctx context.Context, id string) (api.Change, error)
}

// made is what a fake answers with.
type made struct {
	change      string
	result      api.PackageResult
	packages    []api.Package
	info        api.PackageInfo
	why         api.Why
	config      json.RawMessage
	services    []api.Service
	data        []api.DataItem
	exec        api.Exec
	changes     []api.Change
	one         api.Change
	warnings    []api.Warning
	host        api.Health
	records     []api.Record
	silent      []string // packages that do not count
	transitions []api.Transition
	lines       []api.LogLine
	system      api.System
	outbox      api.Outbox
}

func newFake() *fake {
	return &fake{
		publish:    map[int]func(api.Event){},
		transition: map[int]func(api.Transition, api.Record){},
		follow:     make(chan api.LogLine),
	}
}

func (f *fake) options(d dirs.Dirs) daemon.Options {
	return daemon.Options{
		Dirs:     d,
		Packages: f,
		Health:   fakeHealth{f},
		Services: f,
		Store:    f,
		System:   func() api.System { return f.made.system },
		Alive:    time.Now,
		Debug:    func() any { return map[string]string{"state": "fake"} },
		Reports:  func() api.Outbox { return f.made.outbox },
		Ctl:      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ctl") }),
	}
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
}

func (f *fake) notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.asked...)
}

func (f *fake) Do(_ context.Context, req api.PackageRequest) (string, api.PackageResult, error) {
	f.note("%s %v", req.Action, req.Targets)
	if f.breaks {
		f.store = syscall.EIO
	}
	return f.made.change, f.made.result, f.failed
}
func (f *fake) Writable() error { return f.store }
func (f *fake) Sync(context.Context) error {
	f.note("sync")
	f.store = f.synced
	return f.store
}
func (f *fake) List() []api.Package { return f.made.packages }
func (f *fake) Info(name string) (api.PackageInfo, error) {
	if name == "missing" {
		return api.PackageInfo{}, &api.Error{Kind: api.ErrNotInstalled, Message: `package "missing" is not installed`}
	}
	return f.made.info, f.failed
}
func (f *fake) Why(string) (api.Why, error) { return f.made.why, f.failed }
func (f *fake) Config(name string, keys []string) (json.RawMessage, error) {
	f.note("config %s %v", name, keys)
	return f.made.config, f.failed
}

func (f *fake) SetConfig(_ context.Context, name string, req api.ConfigRequest) (string, error) {
	b, _ := json.Marshal(req)
	f.note("set %s %s", name, b)
	return f.made.change, f.failed
}
func (f *fake) Services(names []string) ([]api.Service, error) { return f.made.services, f.failed }
func (f *fake) ServiceAction(_ context.Context, req api.ServiceRequest) (string, error) {
	f.note("%s %v", req.Action, req.Names)
	return f.made.change, f.failed
}
func (f *fake) Data(string) ([]api.DataItem, error) { return f.made.data, f.failed }
func (f *fake) DataAction(_ context.Context, name string, req api.DataRequest) error {
	f.note("%s %s %s", req.Action, name, req.ID)
	return f.failed
}
func (f *fake) Exec(api.ExecRequest) (api.Exec, error) { return f.made.exec, f.failed }
func (f *fake) Changes() []api.Change                  { return f.made.changes }
func (f *fake) Change(string) (api.Change, error)      { return f.made.one, f.failed }
func (f *fake) Abort(id string) error                  { f.note("abort %s", id); return f.failed }
func (f *fake) Warnings() []api.Warning                { return f.made.warnings }
func (f *fake) Okay(until time.Time) int               { f.note("okay %v", until.UTC()); return 2 }
func (f *fake) WaitChange(ctx context.Context, id string) (api.Change, error) {
	if f.wait != nil {
		return f.wait(ctx, id)
	}
	return f.made.one, f.failed
}

func (f *fake) Subscribe(p func(api.Event)) (cancel func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	n := f.next
	f.publish[n] = p
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.publish, n)
	}
}

// happen tells all subscribers of an event, as pkgstate does.
func (f *fake) happen(ev api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.publish {
		p(ev)
	}
}

func (f *fake) turn(t api.Transition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.transition {
		p(t, api.Record{})
	}
}

func (f *fake) Logs(_ context.Context, pkg, name string, n int, each func(api.LogLine) error) error {
	f.note("logs %s.%s %d", pkg, name, n)
	for _, line := range f.made.lines {
		if line.Package == pkg && line.Service == name {
			if err := each(line); err != nil {
				return err
			}
		}
	}
	return f.failed
}

func (f *fake) Follow(ctx context.Context, pkg, name string, since time.Time, each func(api.LogLine) error) error {
	f.note("follow %s.%s", pkg, name)
	for _, line := range slices.Concat(f.made.lines, f.between) {
		if line.Package == pkg && line.Service == name && !line.At.Before(since) {
			if err := each(line); err != nil {
				return err
			}
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line := <-f.follow:
			if err := each(line); err != nil {
				return err
			}
		}
	}
}

// fakeHealth is the part of a fake whose method names would collide.
type fakeHealth struct{ *fake }

func (f fakeHealth) Check(_ context.Context, names []string, phase hookrunner.Phase) ([]api.Record, error) {
	f.note("check %v %s", names, phase)
	return f.made.records, f.failed
}
func (f fakeHealth) Host() api.Health { return f.made.host }
func (f fakeHealth) Snapshot() *healthstate.Snapshot {
	return healthstate.NewSnapshot(f.made.records, time.Time{}, "", f.made.silent)
}

func (f fakeHealth) Record(name string) (api.Record, bool) {
	for _, rec := range f.made.records {
		if rec.Package == name {
			return rec, true
		}
	}
	return api.Record{}, false
}

func (f fakeHealth) History(name string, limit int) ([]api.Transition, error) {
	f.note("history %s %d", name, limit)
	return f.made.transitions, f.failed
}

func (f fakeHealth) Subscribe(p func(api.Transition, api.Record)) (cancel func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	n := f.next
	f.transition[n] = p
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.transition, n)
	}
}
