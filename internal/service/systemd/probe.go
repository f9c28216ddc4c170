package systemd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// probeLocked waits, beside all else, until the process pid is ready. A service
// that is late is not ended: it stays activating until it is ready.
func (e *entry) probeLocked(pid int) {
	ctx, cancel := context.WithCancel(e.m.life)
	e.end = cancel
	u := e.unit
	e.late = "not ready yet"
	e.m.work.Go(func() {
		defer cancel()
		e.probe(ctx, u, pid)
	})
}

func (e *entry) endProbeLocked() {
	if e.end != nil {
		e.end()
		e.end = nil
	}
}

func (e *entry) probe(ctx context.Context, u service.Unit, pid int) {
	patient, cancel := context.WithTimeout(ctx, u.ReadyTimeout())
	defer cancel()
	run := func(ctx context.Context, argv []string) error { return e.m.readyCommand(ctx, u, argv) }
	err := service.AwaitReady(patient, u, run)
	if err != nil && ctx.Err() == nil {
		e.ready(pid, fmt.Sprintf("not ready after %v: %v", u.ReadyTimeout(), err))
		err = service.AwaitReady(ctx, u, run)
	}
	if err == nil && ctx.Err() == nil {
		e.ready(pid, "")
	}
}

// ready notes what a probe found out, when it is of the process that runs.
func (e *entry) ready(pid int, late string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen.pid == pid {
		e.late = late
		e.settleLocked()
	}
}

// readyCommand runs a ready condition's command to its end, in the bounds that
// the service has, as far as pkgd can set them.
func (m *Manager) readyCommand(ctx context.Context, u service.Unit, argv []string) error {
	spec := osutil.Spec{
		Path: argv[0], Args: argv[1:], Dir: u.Dir, Env: slices.Clone(u.Env), NoNewPrivs: true, OOMScoreAdj: oomScore,
		Marker: "PKGD_TREE=" + m.names.label(u.Package, u.Name) + "/ready/" + rand.Text(),
	}
	spec.Env = append(spec.Env, spec.Marker)
	var err error
	if u.User != "" {
		if spec.User, err = osutil.LookupUser(u.User); err != nil {
			return err
		}
	}
	if spec.Landlock, err = m.ruleset(u.Confine); err != nil {
		return err
	}
	if spec.Landlock != nil {
		defer spec.Landlock.Close()
	}
	p, err := osutil.Start(ctx, spec)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop(syscall.SIGKILL, 0)
		return ctx.Err()
	}
	if e := p.Exit(); e.Code != 0 || e.Signal != 0 {
		return errors.New(exitWords(e))
	}
	return nil
}

func exitWords(e osutil.Exit) string {
	if e.Signal != 0 {
		return fmt.Sprintf("killed by signal %s", e.Signal)
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

func (m *Manager) ruleset(c service.Confinement) (*osutil.Ruleset, error) {
	if c.None || c.Root == "" {
		return nil, nil
	}
	ctl, err := filepath.EvalSymlinks(filepath.Join(m.dirs.RunBin(), "ctl"))
	if err != nil {
		ctl = "" // the command finds none either
	}
	writable := slices.DeleteFunc([]string{c.Data, c.Common, c.Tmp}, func(p string) bool { return p == "" })
	return osutil.Sandbox{Dirs: m.dirs, Root: c.Root, Writable: writable, Ctl: ctl}.Ruleset()
}
