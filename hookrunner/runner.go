// Package hookrunner runs the scripts of a package. Its nouns: a [Run] is one
// execution of a hook, a [Result] is how that ended, a [Context] is who speaks
// on the ctl socket while it lasts, named by a cookie that dies with the run,
// and a [Runner] is what executes. Its rule is that nothing of a run outlives
// it: not a process, whatever it did to hide, not a descriptor, not a cookie,
// not a file in its TMPDIR; and that a run, however it behaves, costs the daemon
// bounded memory and can see neither pkgd's state nor another package's data.
package hookrunner

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// Package is what a run needs to know of a package's revision.
type Package struct {
	Name        string
	Revision    int
	Version     string
	Root        string // of the revision's tree, read-only
	Data        string // of this revision
	Common      string // of all revisions
	Tmp         string // private TMPDIR; "": the one that dirs names
	Confinement string // "" for the host's best, "none"
}

// Run is one execution of a hook.
type Run struct {
	Package
	Hook    string        // its name, "health.d/x" for a plug-in
	Command []string      // absolute path and arguments; nil: meta/hooks/Hook
	Phase   Phase         // of check-health
	Timeout time.Duration // 0: 30 s for check-health and plug-ins, 10 min for others
	User    string        // "" for the daemon's own
	Gentle  bool          // at rest: niced, and with idle I/O class
	Extra   []string      // more environment, KEY=VALUE
	Context *Context      // shared by several runs; nil: one of its own
	Cookie  string        // of Context, when that is given
}

// Limits bound one run, by its cgroup where the controllers are there.
type Limits = osutil.Limits

// Options make a Runner.
type Options struct {
	Dirs    dirs.Dirs
	Log     *slog.Logger // nil: slog.Default()
	Limits  Limits       // zero: half of the host's memory, 512 processes, a weight of 50
	CtlPath string       // of the ctl program; "": looked for beside the own executable, then in ../lib/pkgd
}

// Runner executes hooks. It is safe for use by many goroutines.
type Runner struct {
	dirs     dirs.Dirs
	log      *slog.Logger
	contexts *Contexts
}

// New makes a runner: the process becomes the reaper of its orphans, a place for
// cgroups is looked for, and run/pkgd/bin gets its links to ctl. What the host
// does not offer is logged once and shown by Confinement; it is not an error.
func New(o Options) (*Runner, error) {
	return nil, errors.New("hookrunner is not there yet")
}

// Run executes one hook and returns when its whole tree is gone. The error is
// for what stopped the run from being made; how the hook fared, also that it is
// missing or cannot be executed, is in the Result.
func (r *Runner) Run(ctx context.Context, run Run) (Result, error) {
	return Result{}, errors.New("hookrunner is not there yet")
}

// Environment is the whole environment of a hook, or with hook and phase empty
// of a service or an app (design §6).
func (r *Runner) Environment(p Package, cookie, hook string, phase Phase) []string { return nil }

// Contexts is the registry of who may speak on the ctl socket.
func (r *Runner) Contexts() *Contexts { return r.contexts }

// Confinement says what the host offers to keep a run in its place, for people.
func (r *Runner) Confinement() string { return "" }

// KillLeftovers ends what outlived an earlier daemon on this root: hook runs in
// its cgroup, or with this root's ctl socket in their environment. To be called
// at start, before the first run.
func (r *Runner) KillLeftovers(ctx context.Context) {}

// Close gives back what the runner holds. No run may be under way.
func (r *Runner) Close() {}
