package healthstate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// Why a run at rest or by hand is ended before its time.
var (
	errPaused    = errors.New("a change begins to work on the package")
	errPreempted = errors.New("a change asks the package itself")
	errRemoved   = errors.New("the package was removed")
)

// flight is one run under way. There is one at a time for a package's name, also
// where that is not tracked, or removed and tracked again meanwhile; who wants
// the same at the same time waits for it and shares what it brings.
type flight struct {
	target  Target
	phase   hookrunner.Phase
	start   time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc
	release func() // of its slot

	// done is closed when the run is over and taken in; what follows is then
	// there.
	done chan struct{}
	out  Outcome
	rec  api.Record
	ok   bool  // the record was taken in
	err  error // why there is no outcome
}

// ofChange tells a run within a change, which nobody else may end.
func (f *flight) ofChange() bool {
	return f != nil && (f.phase == hookrunner.PhaseBefore || f.phase == hookrunner.PhaseAfter)
}

// stop ends the run and waits until it is gone; f may be nil.
func (f *flight) stop(why error) {
	if f != nil {
		f.cancel(why)
		<-f.done
	}
}

// lift begins a run of t. mu is held, and the package has no other; p is nil
// where it is not tracked.
func (m *Manager) lift(ctx context.Context, p *pkg, t Target, phase hookrunner.Phase) *flight {
	f := &flight{target: t, phase: phase, start: time.Now(), done: make(chan struct{}), release: func() {}}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	m.flying[t.Name] = f
	if p != nil {
		p.hint = time.Time{}
		m.waiting.remove(p)
		p.broadcast()
	}
	return f
}

// land ends a run of p, which is nil where it was not tracked: what it brought is
// taken in, and the next one planned.
func (m *Manager) land(p *pkg, f *flight, o Outcome, err error) {
	f.out, f.err = o, err
	if p != nil {
		m.bring(p, f)
	}
	m.mu.Lock()
	delete(m.flying, f.target.Name)
	if now := m.pkgs[f.target.Name]; now != nil { // which may have come back as another
		m.enqueue(now)
		now.broadcast()
	}
	m.mu.Unlock()
	f.release()
	m.logRun(f)
	f.cancel(nil)
	close(f.done)
}

// bring takes in what a run of p brought.
func (m *Manager) bring(p *pkg, f *flight) {
	m.mu.Lock()
	p.lastRun = f.start
	if f.err == nil {
		m.count(p, f.phase, f.out)
	}
	m.plan(p)
	m.mu.Unlock()
	if f.err != nil {
		return
	}
	f.rec, f.ok = m.takeIn(p, f.target, f.phase, time.Now(), m.hearing(p, f.target, f.out))
	if !f.ok {
		m.askAgain(p, f)
		return
	}
	for _, told := range m.onRun {
		told(f.rec, f.phase)
	}
}

// askAgain sees to it that a package is asked soon when what a run brought does
// not count, because other services are wanted of it than when it was asked.
func (m *Manager) askAgain(p *pkg, f *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.pkgs[f.target.Name]; now == p && p.target.Revision == f.target.Revision && !f.ofChange() {
		m.askSoon(p)
	}
}

// count follows how often in a row the package was not well, which decides when
// it is asked again. Only runs at rest count further: the many of a verdict, or
// those of an admin who cannot wait, would make the next one come later.
func (m *Manager) count(p *pkg, phase hookrunner.Phase, o Outcome) {
	s := o.Status()
	if s == Active || s == Unknown && !p.target.asks() {
		p.unwell = 0
		return
	}
	if phase == hookrunner.PhaseRest {
		p.unwell++
	}
	p.unwell = max(p.unwell, 1)
}

// worth is the level at which a run is told of. Runs at rest that say nothing new
// happen all day, and whoever keeps the log writes each line to the disk.
func (f *flight) worth() slog.Level {
	said, since := f.rec.CheckedAt, f.rec.Since
	if f.err == nil && f.phase == hookrunner.PhaseRest && said != nil && since != nil && since.Before(*said) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// logRun tells of a run in one record.
func (m *Manager) logRun(f *flight) {
	level, text := f.worth(), "health run"
	if !m.log.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("package", f.target.Name), slog.Int("revision", f.target.Revision),
		slog.String("phase", string(f.phase)), slog.Duration("duration", time.Since(f.start)),
	}
	switch rec := f.out.Record; {
	case f.err == nil:
		attrs = append(attrs, slog.String("status", rec.Status), slog.String("code", rec.Code), slog.Int("exit", f.out.exit))
	case f.ctx.Err() != nil:
		text = "health run ended early"
		attrs = append(attrs, slog.Any("reason", f.err))
	default:
		level, text = slog.LevelWarn, "health run could not be made"
		attrs = append(attrs, slog.Any("reason", f.err))
	}
	m.log.LogAttrs(context.Background(), level, text, attrs...)
}

// listen runs what the package has to ask: its hook and, beside it, all its
// plug-ins.
func (m *Manager) listen(ctx context.Context, t Target, phase hookrunner.Phase) (heard, error) {
	run := hookrunner.Run{Package: t.Package, Phase: phase, Timeout: t.timeout(), User: t.User, Gentle: phase == hookrunner.PhaseRest}
	if !t.Plugins {
		return m.listenHook(ctx, t, run)
	}
	var wg sync.WaitGroup
	var plugins []api.Check
	var pluginErr error
	wg.Go(func() { plugins, pluginErr = m.listenPlugins(ctx, t, run) })
	h, err := m.listenHook(ctx, t, run)
	wg.Wait()
	h.plugins = plugins
	return h, cmp.Or(err, pluginErr)
}

func (m *Manager) listenHook(ctx context.Context, t Target, run hookrunner.Run) (heard, error) {
	if !t.Hook {
		return heard{}, nil
	}
	run.Hook = "check-health"
	res, err := m.once(ctx, run)
	if err != nil {
		return heard{}, err
	}
	return heard{hook: &res, words: PendingOf(res.Context)}, nil
}

// once is one run of one script; that it was stopped is an error.
func (m *Manager) once(ctx context.Context, run hookrunner.Run) (hookrunner.Result, error) {
	res, err := m.runner.Run(ctx, run)
	if err == nil && res.Aborted {
		err = context.Cause(ctx)
	}
	if err == nil && res.Context != nil && !res.TimedOut && res.ExitCode == 0 {
		for _, told := range m.onSuccess {
			told(res.Context)
		}
	}
	return res, err
}

// listenPlugins runs the executables of health.d, all at once.
func (m *Manager) listenPlugins(ctx context.Context, t Target, run hookrunner.Run) ([]api.Check, error) {
	dir := filepath.Join(t.Root, "meta", "health.d")
	names, err := executables(dir)
	if err != nil {
		return nil, err
	}
	lists, errs := make([][]api.Check, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		run := run
		run.Hook, run.Command = "health.d/"+name, []string{filepath.Join(dir, name)}
		wg.Go(func() {
			res, err := m.once(ctx, run)
			if err != nil {
				errs[i] = err
				return
			}
			lists[i] = append(PendingOf(res.Context).Checks, pluginCheck(name, res))
		})
	}
	wg.Wait()
	return MergeChecks(lists...), errors.Join(errs...)
}

// executables are the plug-ins of a folder, sorted.
func executables(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
