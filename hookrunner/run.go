package hookrunner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

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
	Tmp         string // holds the TMPDIRs; "": the one that dirs names
	Confinement string // "" for the host's best, ConfinementNone
}

// Run is one execution of a hook.
type Run struct {
	Package
	Hook    string        // its name, "health.d/x" for a plug-in
	Command []string      // absolute path and arguments; nil: meta/hooks/Hook
	Phase   Phase         // of check-health
	Timeout time.Duration // 0: HealthTimeout or HookTimeout
	User    string        // "" for the daemon's own
	Gentle  bool          // at rest: niced, and with idle I/O class
	Extra   []string      // more environment, KEY=VALUE
	Context *Context      // shared by several runs, and closed by the caller; nil: one of its own
}

// attempt is a run on its way: what it holds is given back by release.
type attempt struct {
	*Runner
	run     *Run
	user    *osutil.User
	hctx    *Context
	own     bool // hctx was made for this run
	tmp     string
	slot    *slot
	stuck   bool // somebody in the slot's group would not die
	ruleset *osutil.Ruleset
	out     output
	streams []*stream
}

// Run executes one hook and returns when its whole tree is gone. The error is
// for what stopped the run from being made; how the hook fared, also that it is
// missing or cannot be executed, is in the Result.
func (r *Runner) Run(ctx context.Context, run Run) (Result, error) {
	run.Package = r.complete(run.Package)
	res := Result{Start: time.Now(), Timeout: run.timeout(), Context: run.Context}
	if missing, err := run.missing(); err != nil || missing {
		res.Missing = missing
		return res, err
	}
	if ctx.Err() != nil {
		res.abort(ctx)
		return res, nil
	}
	a := &attempt{Runner: r, run: &run}
	a.out.log = runLogger(r.log, &run)
	defer a.release()
	if err := a.acquire(); err != nil {
		return res, fmt.Errorf("cannot run hook %s: %w", run.Hook, err)
	}
	res.Context = a.hctx
	err := a.execute(ctx, &res)
	res.Duration = time.Since(res.Start)
	return res, err
}

func (res *Result) abort(ctx context.Context) {
	res.Aborted, res.Cause = true, context.Cause(ctx)
}

// acquire gets all that the process needs.
func (a *attempt) acquire() (err error) {
	if a.run.User != "" {
		if a.user, err = osutil.LookupUser(a.run.User); err != nil {
			return err
		}
	}
	if a.tmp, err = a.tmps.enter(a.run.Package, a.user); err != nil {
		return err
	}
	if err = a.openContext(); err != nil {
		return err
	}
	if a.ruleset, err = a.rulesets.get(a.run.Package); err != nil {
		return err
	}
	return a.takeSlot()
}

func (a *attempt) openContext() (err error) {
	if a.hctx = a.run.Context; a.hctx != nil {
		if a.hctx.secret() == "" {
			return ErrContextClosed
		}
		return nil
	}
	uid := uint32(os.Geteuid())
	if a.user != nil {
		uid = a.user.UID
	}
	a.own = true
	a.hctx, _, err = a.contexts.Open(Spec{
		Package: a.run.Name, Revision: a.run.Revision,
		Hook: a.run.Hook, Phase: a.run.Phase, UID: uid, Ephemeral: true,
	})
	return err
}

// takeSlot gets a cgroup, with limits.
func (a *attempt) takeSlot() (err error) {
	l := a.limits
	if a.run.Gentle {
		l.CPUWeight = min(l.CPUWeight, gentleWeight)
	}
	a.slot, err = a.slots.take(l)
	return err
}

func (a *attempt) release() {
	a.slots.give(a.slot, a.stuck)
	a.ruleset.Close()
	if a.own && a.hctx != nil {
		a.hctx.Close()
	}
	if a.tmp == "" {
		return
	}
	if err := a.tmps.leave(a.tmp); err != nil {
		a.log.Warn("a hook left what cannot be removed", "package", a.run.Name, "error", err)
	}
}

// execute starts the hook and sees it to its end.
func (a *attempt) execute(ctx context.Context, res *Result) error {
	p, err := a.start(ctx)
	if err == nil {
		err = a.watch(p)
	}
	if err == nil {
		a.attend(ctx, p, res)
	}
	a.out.end(res, a.streams...)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		res.abort(ctx)
		return nil
	}
	code, why, ok := unrunnable(a.run.command()[0], err)
	if !ok {
		return fmt.Errorf("cannot run hook %s: %w", a.run.Hook, err)
	}
	a.out.log.Warn(why)
	res.ExitCode, res.LastStderr, res.Output = code, why, []byte(why+"\n")
	return nil
}

// start starts the hook. A file that is still open for writing somewhere is
// mostly one whose writer is forking at this very moment: that passes. A cgroup
// that somebody has removed is done without.
func (a *attempt) start(ctx context.Context) (*osutil.Process, error) {
	if err := a.openStreams(); err != nil {
		return nil, err
	}
	spec := a.spec()
	for pause := time.Millisecond; ; pause *= 2 {
		p, err := osutil.Start(ctx, spec)
		switch {
		case errors.Is(err, unix.ETXTBSY) && pause < 200*time.Millisecond:
			time.Sleep(pause)
		case errors.Is(err, unix.ENODEV) && spec.Cgroup != nil:
			a.slot.dropGroup()
			spec.Cgroup = nil
		default:
			return p, err
		}
	}
}

func (a *attempt) openStreams() error {
	for _, name := range [...]string{stdoutName, stderrName} {
		s, err := a.out.open(name)
		if err != nil {
			return err
		}
		a.streams = append(a.streams, s)
	}
	return nil
}

func (a *attempt) spec() osutil.Spec {
	run, cookie := a.run, a.hctx.secret()
	argv := run.command()
	s := osutil.Spec{
		Path: argv[0], Args: argv[1:], Dir: run.Root,
		Env:    append(a.environment(run.Package, cookie, run.Hook, run.Phase, a.tmp), run.Extra...),
		Stdout: a.streams[0].sink, Stderr: a.streams[1].sink,
		User: a.user, NoNewPrivs: true, Landlock: a.ruleset, Cgroup: a.slot.group,
		OOMScoreAdj: oomScore, Limits: a.limits, Marker: "PKG_COOKIE=" + cookie, Attended: true,
	}
	if run.Gentle {
		s.Nice, s.IOIdle = gentleNice, true
	}
	return s
}
