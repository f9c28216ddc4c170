package service

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
)

// Unit is one service of one revision, with all that is needed to run it.
// Package and Name together say which service it is.
type Unit struct {
	Package     string
	Revision    int
	Name        string
	Command     []string // absolute path and arguments
	StopCommand []string // run instead of the TERM; none: empty
	Restart     string   // [RestartOnFailure], [RestartAlways] or [RestartNo]; empty: on-failure
	After       []string // services of the same package that start before and stop after this one
	Env         []string // complete, but for the cookie
	Cookie      string   // reaches the service by [CookieEnv]; never written where others can read it
	Dir         string   // working directory
	User        string   // runs as; empty: pkgd's own user
	Ready       *pkginfo.Ready
	StopTimeout time.Duration // from TERM to KILL; 0: [DefaultStopTimeout]
	Enabled     bool          // starts by itself with the host; kept for Status only, pkgstate records it
	Confine     Confinement
	Limits      Limits
}

// CookieEnv is how a service finds its cookie, empty for none: by pkgd's own
// variable and, for programs written for snapd, by snapd's two.
func CookieEnv(cookie string) []string {
	if cookie == "" {
		return nil
	}
	return []string{"PKG_COOKIE=" + cookie, "SNAP_COOKIE=" + cookie, "SNAP_CONTEXT=" + cookie}
}

// ID is the service's name among all services of the host: PACKAGE.SERVICE.
func (u Unit) ID() string { return ID(u.Package, u.Name) }

// ID is the name of a package's service among all services of the host.
func ID(pkg, name string) string { return pkg + "." + name }

// Confinement says what a service may reach: the system's folders and its own
// revision for reading, its own data and tmp for writing; ctl it may always run.
// The folders must exist; an empty one is none.
type Confinement struct {
	None   bool   // the manifest says "confinement: none"
	Root   string // the revision's tree: read and execute
	Data   string // of this revision: read and write
	Common string // shared by all revisions: read and write
	Tmp    string // the package's TMPDIR: read and write
}

// Limits bound a service; 0 is no limit of its own. A manager that cannot
// enforce one (no cgroup controllers) runs the service without it.
type Limits struct {
	Memory int64 // bytes
	Tasks  int   // processes and threads
	CPU    int   // percent of one processor
}

// What Unit.Restart may say: when a service that ended unasked is started
// again. A clean end is exit status 0, or one of the signals HUP, INT, PIPE and
// TERM, as systemd has it.
const (
	RestartOnFailure = "on-failure" // unless it ended cleanly
	RestartAlways    = "always"     // however it ended
	RestartNo        = "no"         // never
)

// What a service manager waits for, and how long.
const (
	DefaultStopTimeout  = 10 * time.Second       // from TERM to KILL
	DefaultReadyTimeout = 10 * time.Second       // for a Ready without a timeout
	MinRestartDelay     = 100 * time.Millisecond // after the first end; doubles with each
	MaxRestartDelay     = 30 * time.Second       // the doubling ends here
	QuietTime           = time.Minute            // up so long, a service has the shortest delay again
)

// Check says what keeps the unit from being asked of any manager.
func (u Unit) Check() error {
	switch {
	case u.Package == "" || u.Name == "":
		return fmt.Errorf("service %q has no name of its own", u.ID())
	case len(u.Command) == 0:
		return fmt.Errorf("service %q has no command", u.ID())
	}
	switch u.Restart {
	case "", RestartOnFailure, RestartAlways, RestartNo:
		return nil
	}
	return fmt.Errorf("service %q has restart %q; accepted: on-failure, always, no", u.ID(), u.Restart)
}
