package systemd

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/service"
)

// state is how a unit is, in systemd's words.
type state struct {
	load, active, sub string
	result            string
	pid               int
	restarts          int
	code, status      int // of the last main process: si_code and si_status of its end
	since             time.Time
}

// runs says whether the unit has a main process.
func (s state) runs() bool { return s.pid != 0 }

// waits says whether systemd is about to start the unit again.
func (s state) waits() bool { return s.sub == "auto-restart" || s.sub == "auto-restart-queued" }

// up says whether the unit is started, or being started.
func (s state) up() bool {
	return s.active == "active" || s.active == "reloading" || s.active == "activating" && !s.waits()
}

// Values of ExecMainCode.
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// hopelessWords say what systemd could not do before the program began.
var hopelessWords = map[int]string{
	200: "cannot change to the folder %s",
	203: "cannot run %s: it is missing, not executable, or forbidden",
	216: "cannot take the group of %s",
	217: "cannot take the user %s",
	226: "cannot give the service a file system of its own: see journalctl -u %s",
}

// ended is how the last main process ended, in the words of service.HowEnded;
// empty while systemd does not say.
func (s state) ended() string { return howEnded(s.code, s.status) }

func howEnded(code, status int) string {
	switch code {
	case cldExited:
		return service.HowEnded(status, 0)
	case cldKilled, cldDumped:
		return service.HowEnded(0, syscall.Signal(status))
	}
	return ""
}

// detail says in a person's words why the unit does not run.
func (s state) detail(u service.Unit) string {
	switch {
	case s.code == cldExited && s.status == 200:
		return fmt.Sprintf(hopelessWords[200], u.Dir)
	case s.code == cldExited && s.status == 203:
		return fmt.Sprintf(hopelessWords[203], u.Command[0])
	case s.code == cldExited && hopelessWords[s.status] != "":
		return fmt.Sprintf(hopelessWords[s.status], u.User)
	case s.code == cldExited:
		return fmt.Sprintf("exited with status %d", s.status)
	case s.code == cldKilled, s.code == cldDumped:
		return fmt.Sprintf("killed by signal %s", unix.SignalName(syscall.Signal(s.status)))
	case s.result != "" && s.result != "success":
		return "systemd says: " + s.result
	}
	return ""
}

// properties are the ones that make up a state, by interface.
var properties = []struct{ iface, name string }{
	{unitIface, "LoadState"},
	{unitIface, "ActiveState"},
	{unitIface, "SubState"},
	{unitIface, "StateChangeTimestamp"},
	{serviceIface, "Result"},
	{serviceIface, "MainPID"},
	{serviceIface, "NRestarts"},
	{serviceIface, "ExecMainCode"},
	{serviceIface, "ExecMainStatus"},
}

// state reads how a unit is; the zero state for one that systemd has not loaded,
// for to ask for its properties would make systemd load it: 5 ms. All properties
// are asked for at once: they may be of slightly different moments, but the last
// word always comes.
func (l *link) state(ctx context.Context, name string) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.call(ctx, "GetUnit", name).Err; err != nil {
		if isError(err, noSuchUnit) {
			err = nil
		}
		return state{}, err
	}
	calls := make([]*dbus.Call, len(properties))
	for i, p := range properties {
		calls[i] = l.Object(systemdName, unitPath(name)).GoWithContext(ctx, propsIface+".Get", dbus.FlagNoAutoStart, make(chan *dbus.Call, 1), p.iface, p.name)
	}
	values := make([]any, len(properties))
	var errs []error
	for i, call := range calls {
		var v dbus.Variant
		if err := (<-call.Done).Store(&v); err != nil {
			errs = append(errs, err)
			continue
		}
		values[i] = v.Value()
	}
	if len(errs) > 0 {
		return state{}, errs[0]
	}
	return stateOf(values), nil
}

// stateOf takes the values of properties, in their order.
func stateOf(v []any) state {
	text := func(i int) string { s, _ := v[i].(string); return s }
	number := func(i int) int {
		switch n := v[i].(type) {
		case uint32:
			return int(n)
		case int32:
			return int(n)
		}
		return 0
	}
	s := state{load: text(0), active: text(1), sub: text(2), result: text(4), pid: number(5), restarts: number(6), code: number(7), status: number(8)}
	if usec, ok := v[3].(uint64); ok && usec > 0 {
		s.since = time.UnixMicro(int64(usec))
	}
	return s
}

// loadedUnit is a line of systemd's list.
type loadedUnit struct {
	Name, Description, Load, Active, Sub, Following string
	Path                                            dbus.ObjectPath
	JobID                                           uint32
	JobType                                         string
	JobPath                                         dbus.ObjectPath
}

// list gives the units that systemd has loaded.
func (l *link) list(ctx context.Context, pattern string) ([]loadedUnit, error) {
	var units []loadedUnit
	err := l.call(ctx, "ListUnitsByPatterns", []string{}, []string{pattern}).Store(&units)
	return units, err
}

// look reads how an entry's unit is, and tells what has happened to it.
func (m *Manager) look(ctx context.Context, e *entry) state {
	e.looking.Lock()
	defer e.looking.Unlock()
	now, ok := m.read(ctx, e)
	if ok {
		e.see(now)
	}
	return now
}

// read reads how an entry's unit is.
func (m *Manager) read(ctx context.Context, e *entry) (now state, ok bool) {
	l, err := m.bus.get()
	if err != nil {
		return state{}, false
	}
	now, err = l.state(ctx, e.name())
	if err != nil {
		if ctx.Err() == nil {
			m.log.Warn("cannot see how a service is", "service", e.id, "error", err)
		}
		return state{}, false
	}
	return now, true
}

// Status reads from systemd how the services are.
func (m *Manager) Status(ctx context.Context, pkg string) ([]service.Status, error) {
	if m.isClosed() {
		return nil, service.ErrClosed
	}
	entries := m.entriesOf(pkg)
	if len(entries) == 0 {
		return nil, nil
	}
	m.awaitGreeting(ctx)
	l, err := m.bus.get()
	if err != nil {
		return nil, fmt.Errorf("cannot ask for services: %w", err)
	}
	all := make([]service.Status, len(entries))
	for i, e := range entries {
		s, err := l.state(ctx, e.name())
		if err != nil {
			return nil, fmt.Errorf("cannot ask for service %q: %w", e.id, err)
		}
		all[i] = e.status(s)
	}
	return all, nil
}

// status says in pkgd's words how the unit is.
func (e *entry) status(s state) service.Status {
	enabled := e.m.enabled(e)
	e.mu.Lock()
	defer e.mu.Unlock()
	st := service.Status{
		Package: e.pkg, Name: e.service, Revision: e.unit.Revision, Enabled: enabled,
		PID: s.pid, Restarts: s.restarts, Since: s.since, Ended: e.ended, Ending: s.active == "deactivating",
	}
	if s.waits() && s.ended() != "" {
		st.Ended = s.ended() // no look has seen it yet
	}
	switch {
	case (s.waits() || s.active == "activating") && st.Ended != "":
		st.State, st.Detail = service.Activating, service.BeingStartedAgain(st.Ended)
	case s.waits():
		st.State, st.Detail = service.Activating, s.detail(e.unit)+"; systemd starts it again"
	case s.active == "activating":
		st.State, st.Detail = service.Activating, "systemd starts it"
	case s.active == "active" && e.late != "":
		st.State, st.Detail = service.Activating, e.late
	case s.active == "active" || s.active == "reloading":
		st.State = service.Active
	case s.active == "deactivating" && s.pid != 0:
		st.State, st.Detail = service.Active, "it is ending"
	case s.active == "deactivating":
		st.State, st.Detail = service.Activating, "the rest of it is ending"
	case e.problem != "":
		st.State, st.Detail = service.Failed, e.problem
	case s.active == "failed":
		st.State, st.Detail = service.Failed, s.detail(e.unit)
	default:
		st.State, st.Detail = service.Inactive, s.detail(e.unit)
	}
	return st
}
