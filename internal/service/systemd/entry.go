package systemd

import (
	"context"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/service"
)

// entry is what the manager knows of one service. Requests about it are made in
// the package's turn only.
type entry struct {
	m            *Manager
	id           string // service.ID
	pkg, service string

	looking sync.Mutex // one look at a time, so that events are told in order

	mu      sync.Mutex // guards what follows
	unit    service.Unit
	seen    state         // by the last look
	asked   bool          // somebody wants the service to end
	begun   bool          // a start is under way: that nothing runs yet means nothing
	problem string        // why systemd would not start it; empty: nothing
	ended   string        // how its last process ended unasked, since the last start
	late    string        // why it is not ready, for a unit that runs; empty: it is
	settled chan struct{} // closed when Start need not wait: ready, ended, or out of time
	end     func()        // ends the probe; nil: none is under way
}

func newEntry(m *Manager, u service.Unit) *entry {
	settled := make(chan struct{})
	close(settled)
	return &entry{m: m, id: u.ID(), pkg: u.Package, service: u.Name, unit: u, settled: settled}
}

// known is the unit that was started, or told of, last.
func (e *entry) known() service.Unit {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unit
}

func (e *entry) know(u service.Unit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unit = u
}

// name is the systemd unit's.
func (e *entry) name() string { return e.m.unitOf(e.known()) }

// begin forgets what was: u is about to be started.
func (e *entry) begin(u service.Unit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unit, e.seen = u, state{}
	e.asked, e.begun, e.problem, e.ended, e.late = false, true, "", "", ""
	if u.Ready != nil {
		e.late = "not ready yet"
	}
	e.settled = make(chan struct{})
}

// started notes that systemd is done with the start, however it went.
func (e *entry) started() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begun = false
}

// fail notes why systemd would not start the unit.
func (e *entry) fail(problem string) {
	e.mu.Lock()
	e.problem = problem
	e.settleLocked()
	e.mu.Unlock()
	e.tell(service.Gone, problem)
}

// wantEnd notes that the service is to end, and ends its probe.
func (e *entry) wantEnd() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked, e.problem = true, ""
	e.endProbeLocked()
	e.settleLocked()
}

func (e *entry) settleLocked() {
	select {
	case <-e.settled:
	default:
		close(e.settled)
	}
}

// await waits until the entry has settled or patience ends.
func (e *entry) await(patience context.Context) {
	e.mu.Lock()
	settled := e.settled
	e.mu.Unlock()
	service.Await(patience, settled)
}

func (e *entry) tell(kind, detail string) {
	e.m.events.Publish(service.Event{Package: e.pkg, Service: e.service, Kind: kind, Detail: detail, At: time.Now()})
}

// see compares how the unit is with how it was, and tells what happened.
func (e *entry) see(now state) {
	was, asked, known := e.note(now)
	if !known {
		return
	}
	changed := was.pid != now.pid
	if was.runs() && changed {
		e.tellEnd(asked, now)
	}
	if now.runs() && changed {
		e.tell(startedKind(now), "")
	}
	if now.active == "failed" && was.active != "failed" && !asked {
		e.tell(service.Gone, now.detail(e.known()))
	}
}

// note takes in how the unit is now; was is how it was. Of one that is about to
// run for the first time nothing is known yet.
func (e *entry) note(now state) (was state, asked, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, asked = e.seen, e.asked
	if e.begun && !was.runs() && !now.runs() {
		return was, asked, false
	}
	e.seen = now
	changed := was.pid != now.pid
	if changed || !now.runs() {
		e.endProbeLocked()
	}
	if !now.runs() && !asked && now.ended() != "" {
		e.ended = now.ended()
	}
	switch {
	case !now.runs():
		if !e.begun {
			e.settleLocked()
		}
	case changed && e.unit.Ready != nil && !asked:
		e.probeLocked(now.pid)
	case e.unit.Ready == nil:
		e.settleLocked()
	}
	return was, asked, true
}

// hearEnd takes what a signal says of the end of the main process: a look may come
// when the next one runs, of which systemd knows no end.
func (e *entry) hearEnd(how string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.asked {
		e.ended = how
	}
}

func (e *entry) tellEnd(asked bool, now state) {
	if asked {
		e.tell(service.Stopped, "")
		return
	}
	detail := now.detail(e.known())
	if now.runs() { // then what systemd knows is of the next process
		detail = e.howEnded()
	}
	e.tell(service.Exited, detail)
}

func (e *entry) howEnded() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// startedKind goes by the count alone, which systemd raises before it starts the
// process: it counts from the last start that was asked for.
func startedKind(now state) string {
	if now.restarts > 0 {
		return service.Restarted
	}
	return service.Started
}
