package service

import (
	"context"
	"errors"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// What Manager.Kind may answer.
const (
	Embedded = "embedded"
	Systemd  = "systemd"
)

// What Status.State may say.
const (
	Active     = "active"     // runs, and is ready where it names a condition
	Activating = "activating" // starts, is not ready yet, or is about to be started again
	Inactive   = "inactive"   // stopped, or ended cleanly by itself
	Failed     = "failed"     // ended badly, or could not be started; nobody starts it again
)

// Status is what a manager knows of one service now.
type Status struct {
	Package  string
	Revision int
	Name     string
	State    string // Active, Activating, Inactive or Failed
	Restarts int    // by the manager itself, since the last Start
	PID      int    // of the main process; 0: none
	Enabled  bool
	Ending   bool      // was asked to end, and has not yet: Start waits for that and begins it anew
	Detail   string    // why it is not active
	Ended    string    // how its last process ended unasked, see HowEnded; empty: none has since the last Start, or nobody knows
	Since    time.Time // when the state began
}

// What Event.Kind may say.
const (
	Started   = "started"   // runs (for the first time since Start)
	Exited    = "exited"    // ended unasked
	Restarted = "restarted" // runs again after it ended unasked
	Gone      = "failed"    // ended badly and is not started again
	Stopped   = "stopped"   // ended because it was asked to
)

// Event is one thing that happened to a service. Events are hints that arrive
// soon; Status is the truth.
type Event struct {
	Package string
	Service string
	Kind    string // Started, Exited, Restarted, Gone or Stopped
	Detail  string
	At      time.Time
}

// ErrClosed is what a manager answers after Shutdown.
var ErrClosed = errors.New("the service manager is shut down")

// ErrUnreachable is in the chain of what a manager answers that cannot reach who
// runs the services; it may again later.
var ErrUnreachable = errors.New("services cannot be managed now")

// Manager runs the services of packages. All methods are safe for concurrent
// use and idempotent. Requests for one package are taken one after the other,
// except that Stop does not wait for a Start that awaits readiness but ends it;
// requests for different packages never wait for each other, and Status waits
// for none.
type Manager interface {
	// Kind is [Embedded] or [Systemd].
	Kind() string

	// Start runs units in the order of After and waits until each is ready,
	// has failed, or has used up its ready timeout. A service that fails is
	// told by Status and is no error here. A running instance of the same
	// revision is left alone, its cookie included; one of another revision is
	// ended first. When ctx ends, Start returns its error and what runs by
	// then runs on.
	Start(ctx context.Context, units []Unit) error

	// Stop ends services in the reverse order of After, all of the package
	// when names is nil: stop-command or TERM, and after the stop timeout KILL
	// for the whole tree. Unknown names and what does not run are stopped
	// already.
	Stop(ctx context.Context, pkg string, names []string) error

	// Restart is Stop of these units and then Start.
	Restart(ctx context.Context, units []Unit) error

	// Enable says that units start by themselves with the host, Disable that
	// they do not. Neither starts or stops anything.
	Enable(ctx context.Context, units []Unit) error
	Disable(ctx context.Context, pkg string, names []string) error

	// Status tells of all services of the package that the manager has been
	// told of by Start or Enable, of all packages when pkg is empty; sorted.
	Status(ctx context.Context, pkg string) ([]Status, error)

	// Forget stops the package's services and drops what the manager keeps of
	// them: unit files, logs, records.
	Forget(ctx context.Context, pkg string) error

	// Logs gives the last n lines of a service's output to f, oldest first, of
	// all services of the package when name is empty, all there is when n is
	// negative. An error of f ends it and is returned.
	Logs(ctx context.Context, pkg, name string, n int, f func(api.LogLine) error) error

	// Follow gives f all lines from the moment since on, and those that come,
	// until ctx ends, which is no error. An error of f ends it and is returned.
	Follow(ctx context.Context, pkg, name string, since time.Time, f func(api.LogLine) error) error

	// Subscribe calls f for every event until cancel, from one goroutine, in
	// order. f must not call the manager's cancel from within itself.
	Subscribe(f func(Event)) (cancel func())

	// Ping says whether services can be managed now.
	Ping(ctx context.Context) error

	// Shutdown ends the manager: the embedded one stops all its services in
	// reverse order, systemd's run on. The second call does nothing.
	Shutdown(ctx context.Context) error
}
