package supervisor

import (
	"context"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/service"
)

// keeper knows one service for as long as pkgd does, whether it runs or not.
// start and stop are called in the package's turn only.
type keeper struct {
	sup       *Supervisor
	pkg, name string
	log       *logFile

	mu     sync.Mutex // guards what follows
	unit   service.Unit
	status service.Status
	run    *run // nil: nothing keeps the service up
}

func newKeeper(s *Supervisor, u service.Unit, log *logFile) *keeper {
	k := &keeper{sup: s, pkg: u.Package, name: u.Name, log: log, unit: u}
	k.status = service.Status{Package: u.Package, Name: u.Name, State: service.Inactive, Since: time.Now()}
	k.status.Revision, k.status.Enabled = u.Revision, u.Enabled
	return k
}

// now is the service's status.
func (k *keeper) now() service.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	st := k.status
	st.Ending = k.run != nil && k.run.ending()
	return st
}

// known is the unit that runs, or that the supervisor was told of last.
func (k *keeper) known() service.Unit {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unit
}

// know takes note of a unit; one that runs keeps all but its enabled flag.
func (k *keeper) know(u service.Unit) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Enabled = u.Enabled
	if k.run == nil {
		k.unit = u
		k.status.Revision = u.Revision
	}
}

func (k *keeper) disable() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Enabled = false
}

func (k *keeper) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.run == nil
}

// start runs the unit, unless this very revision runs already, and waits until
// it has settled or patience ends.
func (k *keeper) start(ctx, patience context.Context, u service.Unit) {
	if k.outdated(u) {
		if k.stop(ctx) != nil {
			return
		}
	}
	service.Await(patience, k.ensure(u).settled)
}

// outdated says whether there is a run that does nothing for u: one of another
// revision, one that is ending, one that gave up, or one that waits to start the
// next process, which a person who asks does not want to wait for.
func (k *keeper) outdated(u service.Unit) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.run == nil:
		return false
	case k.run.ending() || k.run.unit.Revision != u.Revision || k.status.State == service.Failed || k.status.State == service.Inactive:
		return true
	}
	return k.status.State == service.Activating && k.status.PID == 0 && k.run.hasSettled()
}

func (k *keeper) current() *run {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.run
}

// ensure gives the run of the service, a new one where there is none.
func (k *keeper) ensure(u service.Unit) *run {
	k.know(u)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == nil {
		k.run = newRun(k, u)
		k.status.Restarts, k.status.Ended = 0, ""
		k.setLocked(service.Activating, "", 0)
		go k.run.loop()
	}
	return k.run
}

// stop ends the run and waits for its end, or for that of ctx.
func (k *keeper) stop(ctx context.Context) error {
	r := k.current()
	if r == nil {
		return nil
	}
	r.end()
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == r {
		k.run = nil
		k.setLocked(service.Inactive, "", 0)
	}
	return nil
}

// kill has the run end without mercy.
func (k *keeper) kill() {
	if r := k.current(); r != nil {
		r.endNow()
	}
}

func (k *keeper) set(state, detail string, pid int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.setLocked(state, detail, pid)
}

func (k *keeper) setLocked(state, detail string, pid int) {
	if k.status.State != state || k.status.PID != pid {
		k.status.Since = time.Now()
	}
	k.status.State, k.status.Detail, k.status.PID = state, detail, pid
}

// endedSo notes how a process ended unasked.
func (k *keeper) endedSo(how string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Ended = how
}

func (k *keeper) restarted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.Restarts++
}

func (k *keeper) tell(kind, detail string) {
	k.sup.events.Publish(service.Event{Package: k.pkg, Service: k.name, Kind: kind, Detail: detail, At: time.Now()})
}
