package osutil

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// Limits bound a process tree. Zero fields set no bound.
type Limits struct {
	Memory    int64 // bytes; by cgroup for the whole tree, else RLIMIT_DATA for each process
	PIDs      int   // processes and threads; by cgroup only
	CPUWeight int   // 1 to 10000, the kernel's default is 100; by cgroup only
}

// User is whom a process runs as.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
	Home   string
}

// LookupUser finds a user by name or number, with all its groups.
func LookupUser(name string) (*User, error) { return nil, errors.New("draft") }

// Spec says what to start, and in which bounds. The process always gets a
// session of its own.
type Spec struct {
	Path string   // absolute
	Args []string // after the program's name
	Env  []string // complete: nothing is inherited
	Dir  string

	Stdin, Stdout, Stderr *os.File // nil: /dev/null; the caller closes them after Start

	User        *User // nil: the daemon's own
	Nice        int   // 0: as the daemon
	IOIdle      bool  // idle I/O class
	NoNewPrivs  bool
	Landlock    *Ruleset // nil: not confined
	Cgroup      *Cgroup  // nil: orphans are found by Marker and session
	OOMScoreAdj int      // added to the daemon's own, so that the kernel picks the child first
	Limits      Limits   // used where the cgroup cannot

	// Marker is an entry of Env, KEY=VALUE, that no other tree has (a cookie). By
	// it orphans are told apart where there is no cgroup.
	Marker string
}

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	Usage  syscall.Rusage
}

// Process is a started program with all of its descendants.
type Process struct{}

// Start starts s. An *os.PathError or syscall.Errno inside the error says why
// the kernel refused the program. ctx bounds the start, not the life.
func Start(ctx context.Context, s Spec) (*Process, error) { return nil, errors.New("draft") }

// PID is the first process's id.
func (p *Process) PID() int { return 0 }

// StartTime is when the kernel started it, in clock ticks after boot: with PID
// it names the process for good.
func (p *Process) StartTime() uint64 { return 0 }

// Done is closed when the first process has ended and the whole tree is gone
// and reaped. When the first process ends by itself, the rest is killed at once.
func (p *Process) Done() <-chan struct{} { return nil }

// Exit is how the first process ended; valid after Done.
func (p *Process) Exit() Exit { return Exit{} }

// Signal sends sig to the first process only.
func (p *Process) Signal(sig syscall.Signal) error { return nil }

// Stop sends sig to the whole tree, waits up to grace for all of it to go, kills
// what is left, and returns when Done is closed. It may be called by several.
func (p *Process) Stop(sig syscall.Signal, grace time.Duration) {}

// Cgroups is the folder below which trees get groups of their own: cgroup v2.
type Cgroups struct{}

// OpenCgroups looks for a place for cgroups, named after pkgd's root so that the
// next daemon on that root finds it again. It never fails: what cannot be done
// is said by Describe, and Make then gives nil.
func OpenCgroups(root string) *Cgroups { return &Cgroups{} }

// Describe says in one line what is used and what the host does not offer.
func (c *Cgroups) Describe() string { return "" }

// Usable is true when groups can be made.
func (c *Cgroups) Usable() bool { return false }

// Make makes the group name ("hooks/3", "services/web.server"), or opens it. It
// is nil without an error where groups cannot be made.
func (c *Cgroups) Make(name string, l Limits) (*Cgroup, error) { return nil, nil }

// Names lists the groups below folder ("services"), also an earlier daemon's.
func (c *Cgroups) Names(folder string) []string { return nil }

// Close gives back descriptors, and removes the folder when nothing is in it.
func (c *Cgroups) Close() {}

// Cgroup is one tree's group. The methods work on nil: they do nothing.
type Cgroup struct{}

// Path is the group's folder.
func (g *Cgroup) Path() string { return "" }

// PIDs lists who is in it.
func (g *Cgroup) PIDs() []int { return nil }

// Empty is true when nobody is alive in it.
func (g *Cgroup) Empty() bool { return true }

// Kill kills all of it at once; they may take a moment to go.
func (g *Cgroup) Kill() error { return nil }

// Freeze stops or thaws all of it.
func (g *Cgroup) Freeze(on bool) error { return nil }

// SetLimits sets what the controllers here can bound.
func (g *Cgroup) SetLimits(l Limits) error { return nil }

// Remove removes the empty group and closes it.
func (g *Cgroup) Remove() error { return nil }

// Close gives back the descriptors and leaves the group.
func (g *Cgroup) Close() {}

// Ruleset is a Landlock ruleset, to be put on a process at its start.
type Ruleset struct{}

// Close gives back the ruleset's descriptor.
func (r *Ruleset) Close() {}

// Proc is a line of /proc.
type Proc struct {
	PID, PPID, PGID, SID int
	State                byte
	Start                uint64 // clock ticks after boot
}

// ReadProc reads /proc/PID/stat.
func ReadProc(pid int) (Proc, error) { return Proc{}, errors.New("draft") }

// StartTime is when pid was started, in clock ticks after boot.
func StartTime(pid int) (uint64, error) { return 0, errors.New("draft") }

// EnvironHas says whether pid's environment has entry: "KEY=VALUE", or "KEY" for
// any value. False where it cannot be read.
func EnvironHas(pid int, entry string) bool { return false }

// FindByEnv finds the living processes whose environment has all entries.
func FindByEnv(entries ...string) []Proc { return nil }

// FindByCookie finds the living processes that carry PKG_COOKIE=cookie.
func FindByCookie(cookie string) []Proc { return FindByEnv("PKG_COOKIE=" + cookie) }

// IsDescendant says whether pid's ancestry reaches this process.
func IsDescendant(pid int) bool { return false }

// KillFound ends processes that are not children of this one: sig to all that
// find gives and to their descendants, grace, then KILL until find gives none.
// The error names who would not go, or is ctx's.
func KillFound(ctx context.Context, find func() []Proc, sig syscall.Signal, grace time.Duration) error {
	return nil
}
