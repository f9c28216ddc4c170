package overlord

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/logind"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/pkgstate"
	"pkgd.io/pkgd/overlord/reportstate"
	"pkgd.io/pkgd/overlord/state"
)

// Options are what an Overlord is built from.
type Options struct {
	Dirs    dirs.Dirs
	Config  config.Config
	Log     *slog.Logger
	Version string
	CtlPath string // of the ctl program; empty: looked for beside pkgd's own
}

// Overlord owns the state and the managers.
type Overlord struct {
	dirs     dirs.Dirs
	version  string
	log      *slog.Logger
	lock     *rootLock
	st       *state.State
	tasks    *state.TaskRunner
	runner   *hookrunner.Runner
	svc      service.Manager
	health   *healthstate.Manager
	packages *pkgstate.Manager
	reports  *reportstate.Manager
	managers []manager
	loop     *loop
	begun    chan struct{}

	working sync.Mutex // held while work begins and while it ends: the one waits for the other
	ended   bool       // work has, or never begins; under working

	mu   sync.Mutex // guards conf
	conf config.Config
}

// New opens the state under the root and builds the managers; nothing runs yet.
// It refuses a root that another daemon holds, naming its pid.
func New(o Options) (ov *Overlord, err error) {
	ov = &Overlord{dirs: o.Dirs, version: o.Version, log: o.Log, conf: o.Config, begun: make(chan struct{})}
	defer func() {
		if err != nil {
			ov.close()
		}
	}()
	if err := makeFolders(o.Dirs); err != nil {
		return ov, err
	}
	if ov.lock, err = lockRoot(o.Dirs); err != nil {
		return ov, err
	}
	if ov.st, err = state.Open(o.Dirs.State(), state.Options{Backup: o.Dirs.StateBackup()}); err != nil {
		return ov, fmt.Errorf("cannot open pkgd's state: %w", err)
	}
	if err := ov.build(o); err != nil {
		return ov, err
	}
	ov.loop = newLoop(ov.turn)
	ov.st.SetEnsure(ov.loop.ensureBefore)
	return ov, nil
}

// build makes the managers, from the ground up.
func (ov *Overlord) build(o Options) (err error) {
	ov.runner, err = hookrunner.New(hookrunner.Options{Dirs: o.Dirs, Log: o.Log, CtlPath: o.CtlPath})
	if err != nil {
		return err
	}
	if ov.svc, err = newServices(o); err != nil {
		return err
	}
	ov.tasks = state.NewTaskRunner(ov.st)
	ov.health = healthstate.NewManager(ov.st, ov.runner, ov.svc, healthOptions(o.Config, o.Log))
	ov.packages = pkgstate.NewManager(pkgstate.Options{
		State: ov.st, Tasks: ov.tasks, Runner: ov.runner, Health: ov.health, Services: ov.svc, Inhibit: inhibitor(ov.svc, o.Log),
		Dirs: o.Dirs, Log: o.Log, Version: o.Version,
	})
	ov.reports = reportstate.NewManager(reportstate.Options{
		State: ov.st, Log: o.Log, Version: o.Version, Host: ov.health.Host,
		Digest: func(name string, rev int) string { return pkgstate.Digest(ov.st, name, rev) },
	})
	ov.packages.OnOutcome(ov.reports.Outcome)
	ov.health.OnRun(ov.reports.Run)
	ov.health.Subscribe(ov.reports.Transition)
	ov.managers = []manager{ov.health, ov.packages, ov.tasks}
	return nil
}

// inhibitor is logind's where systemd runs the host: nobody else could be asked.
func inhibitor(svc service.Manager, log *slog.Logger) pkgstate.Inhibitor {
	if svc.Kind() != service.Systemd {
		return nil
	}
	return logind.New(log)
}

func healthOptions(c config.Config, log *slog.Logger) healthstate.Options {
	return healthstate.Options{
		Interval: c.Health.Interval, UnhealthyInterval: c.Health.UnhealthyInterval, Concurrency: c.Health.Concurrency,
		Settle: c.Health.Settle, Bake: c.Health.Bake, Log: log, Exists: pkgstate.Exists,
	}
}

func makeFolders(d dirs.Dirs) error {
	for _, f := range []struct {
		path string
		mode os.FileMode
	}{
		{d.Run(), 0o755}, {d.Lib(), 0o755}, {d.Packages(), 0o755}, {d.Cache(), 0o700}, {d.RevertedData(), 0o700}, {d.Logs(), 0o750},
	} {
		if err := os.MkdirAll(f.path, f.mode); err != nil {
			return fmt.Errorf("cannot make pkgd's folders: %w", err)
		}
	}
	return nil
}

// StartUp finds out how the last run ended and takes up what is installed. No hook
// and no service starts yet.
func (ov *Overlord) StartUp() {
	ov.reports.Configure(ov.Config().Fleet)
	ov.packages.Configure(ov.Config())
	ov.packages.StartUp()
}

// Loop puts right what the last run left half-way and begins to turn. Call it once
// the sockets are open, and no earlier: the hooks and services that start now want
// to talk to them, and what takes time here is nothing that a boot has to wait for.
func (ov *Overlord) Loop() error {
	ov.working.Lock()
	defer ov.working.Unlock()
	if ov.ended {
		return nil
	}
	ov.packages.Tidy()
	close(ov.begun)
	ov.st.Backup()
	if err := ov.health.StartUp(); err != nil {
		return err
	}
	ov.reports.StartUp()
	ov.loop.start()
	return nil
}

func (ov *Overlord) turn() {
	for _, m := range ov.managers {
		if err := m.Ensure(); err != nil {
			ov.log.Error("cannot carry on", "error", err)
		}
	}
	ov.st.Lock()
	ov.st.Prune(pruneAge, pruneReady)
	ov.st.Unlock()
}

// Finished changes are forgotten after so long, or beyond so many (design §5).
const (
	pruneAge   = 7 * 24 * time.Hour
	pruneReady = 500
)

// EndWork ends the loop, then hooks and tasks (they are run again at the next
// start), then those services that end with pkgd. What these say to ctl meanwhile
// can still be answered. Everything it does is bounded; the second call does
// nothing.
func (ov *Overlord) EndWork() {
	ov.working.Lock()
	defer ov.working.Unlock()
	if ov.ended {
		return
	}
	ov.ended = true
	ov.loop.stop()
	ov.tasks.Stop()
	ov.health.Stop()
	ov.packages.Stop()
	ov.reports.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), stopServicesTimeout)
	defer cancel()
	if err := ov.svc.Shutdown(ctx); err != nil {
		ov.log.Error("cannot stop all services", "error", err)
	}
}

// Stop is EndWork, and then the end of the state.
func (ov *Overlord) Stop() {
	ov.EndWork()
	ov.close()
}

// stopServicesTimeout bounds the end of all services at the daemon's stop.
const stopServicesTimeout = time.Minute

// close gives back what New took, in the reverse order.
func (ov *Overlord) close() {
	if ov.runner != nil {
		ov.runner.Close()
	}
	if ov.st != nil {
		if err := ov.st.Close(); err != nil {
			ov.log.Error("cannot close pkgd's state", "error", err)
		}
	}
	if ov.lock != nil {
		ov.lock.release()
	}
}

// Reload takes a new configuration; what cannot change while pkgd runs stays as
// it was and is named in the log.
func (ov *Overlord) Reload(c config.Config) {
	ov.mu.Lock()
	old := ov.conf
	ov.conf = c
	ov.mu.Unlock()
	if old.Services != c.Services {
		ov.log.Warn("services: takes effect at the next start", "now", old.Services, "then", c.Services)
	}
	ov.health.Configure(healthOptions(c, ov.log))
	ov.packages.Configure(c)
	ov.reports.Configure(c.Fleet)
}

// Begun is closed once hooks and tasks may run.
func (ov *Overlord) Begun() <-chan struct{} { return ov.begun }

// Alive is the last moment at which the loop is known to have turned as it
// should: now, unless a turn is under way or overdue.
func (ov *Overlord) Alive() time.Time { return ov.loop.alive() }

// Config is the configuration in force.
func (ov *Overlord) Config() config.Config {
	ov.mu.Lock()
	defer ov.mu.Unlock()
	return ov.conf
}

// State, Packages, Health, Reports, Services, Runner and Dirs are the rooms, for those
// that serve them to others.
func (ov *Overlord) State() *state.State           { return ov.st }
func (ov *Overlord) Packages() *pkgstate.Manager   { return ov.packages }
func (ov *Overlord) Health() *healthstate.Manager  { return ov.health }
func (ov *Overlord) Reports() *reportstate.Manager { return ov.reports }
func (ov *Overlord) Services() service.Manager     { return ov.svc }
func (ov *Overlord) Runner() *hookrunner.Runner    { return ov.runner }
func (ov *Overlord) Dirs() dirs.Dirs               { return ov.dirs }
