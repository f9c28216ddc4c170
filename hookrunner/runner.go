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
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

const (
	defaultPIDs   = 512
	defaultWeight = 50
	gentleWeight  = 10
	gentleNice    = 10
	// oomScore is added to the daemon's own: a hook is the first to go.
	oomScore = 500
	// termGrace is what a tree gets between TERM and KILL.
	termGrace = 2 * time.Second
)

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
	limits   Limits
	ctl      string // the ctl program's real file, "" when there is none
	contexts *Contexts
	slots    *slots
	rulesets *rulesets
	tmps     *tmps
	cgroups  *osutil.Cgroups
	stop     func() // of adopting orphans
}

// New makes a runner: the process becomes the one that adopts its orphans, a
// place for cgroups is looked for, and run/pkgd/bin gets its links to ctl. What
// the host does not offer is logged once and shown by Confinement; it is not an
// error.
func New(o Options) (*Runner, error) {
	r := &Runner{
		dirs: o.Dirs, log: o.Log, limits: withDefaults(o.Limits),
		contexts: NewContexts(), tmps: newTmps(),
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	if err := r.linkCtl(o.CtlPath); err != nil {
		return nil, err
	}
	osutil.KeepDescriptors()
	osutil.CalmMonitor()
	osutil.HushChildren()
	stop, err := osutil.Adopt()
	if err != nil {
		return nil, err
	}
	r.stop = stop
	r.cgroups = osutil.OpenCgroups(o.Dirs.Root)
	r.slots = newSlots(r.cgroups)
	r.rulesets = newRulesets(o.Dirs, r.ctl)
	r.announce()
	return r, nil
}

// announce says once what hooks are held by, and aloud what they are not.
func (r *Runner) announce() {
	if osutil.LandlockABI() == 0 {
		r.log.Warn("hooks are not confined: the kernel has no Landlock", "held-by", r.Confinement())
		return
	}
	r.log.Info("hooks are confined", "held-by", r.Confinement())
}

func withDefaults(l Limits) Limits {
	if l.Memory == 0 {
		l.Memory = osutil.HostMemory() / 2
	}
	if l.PIDs == 0 {
		l.PIDs = defaultPIDs
	}
	if l.CPUWeight == 0 {
		l.CPUWeight = defaultWeight
	}
	return l
}

// linkCtl makes run/pkgd/bin/{ctl,snapctl}: one program under two names, first in
// every hook's PATH.
func (r *Runner) linkCtl(path string) error {
	if path == "" {
		path = findCtl()
	}
	if err := os.MkdirAll(r.dirs.RunBin(), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of ctl: %w", err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		r.log.Warn("there is no ctl program: hooks will not be able to say how they are", "looked-for", path)
		return nil
	}
	for _, name := range []string{"ctl", "snapctl"} {
		if err := replaceLink(real, filepath.Join(r.dirs.RunBin(), name)); err != nil {
			return fmt.Errorf("cannot link ctl: %w", err)
		}
	}
	r.ctl = real
	return nil
}

// findCtl is where ctl is installed: beside the daemon, or in its lib folder.
func findCtl() string {
	exe, err := os.Executable()
	if err != nil {
		return "ctl"
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	beside := filepath.Join(filepath.Dir(exe), "ctl")
	inLib := filepath.Join(filepath.Dir(exe), "../lib/pkgd/ctl")
	if _, err := os.Stat(beside); err != nil {
		if _, err := os.Stat(inLib); err == nil {
			return inLib
		}
	}
	return beside
}

func replaceLink(target, link string) error {
	if old, err := os.Readlink(link); err == nil && old == target {
		return nil
	}
	next := link + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, link)
}

// Contexts is the registry of who may speak on the ctl socket.
func (r *Runner) Contexts() *Contexts { return r.contexts }

// Ctl is the ctl program's real file; empty when there is none.
func (r *Runner) Ctl() string { return r.ctl }

// Confinement says what the host offers to keep a run in its place, for people.
func (r *Runner) Confinement() string {
	landlock := "no Landlock (the kernel lacks it): files are guarded by their owner and mode alone"
	if abi := osutil.LandlockABI(); abi > 0 {
		landlock = fmt.Sprintf("Landlock ABI %d", abi)
		if !osutil.LandlockSignals() {
			landlock += " (it does not keep signals in)"
		}
	}
	return landlock + "; " + r.cgroups.Describe() + "; no_new_privs"
}

// KillLeftovers ends what outlived an earlier daemon on this root: hook runs in
// its cgroup, or with this root's ctl socket in their environment. To be called
// at start, before the first run.
func (r *Runner) KillLeftovers(ctx context.Context) {
	if n := r.slots.killForeign(); n > 0 {
		r.log.Warn("ended hooks of an earlier daemon", "cgroups", n)
	}
	find := func() []osutil.Proc {
		return osutil.FindByEnv("PKGD_CTL_SOCKET="+r.dirs.CtlSocket(), "PKG_HOOK")
	}
	if len(find()) == 0 {
		return
	}
	r.log.Warn("ending hooks of an earlier daemon")
	if err := osutil.KillFound(ctx, find, syscall.SIGTERM, termGrace); err != nil {
		r.log.Error("some hooks of an earlier daemon live on", "error", err)
	}
}

// Forget gives back what is held for a package that is not on the host any more,
// its TMPDIR too. What an app that still runs keeps there is logged and stays.
func (r *Runner) Forget(name string) {
	r.rulesets.forget(name)
	if err := dropTmp(r.dirs.Tmp(name)); err != nil {
		r.log.Warn("cannot remove the TMPDIR of a package", "package", name, "error", err)
	}
}

// Close gives back what the runner holds. No run may be under way.
func (r *Runner) Close() {
	r.slots.close()
	r.cgroups.Close()
	r.rulesets.close()
	r.stop()
}
