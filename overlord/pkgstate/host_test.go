package pkgstate_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/overlord/pkgstate"
	"pkgd.io/pkgd/overlord/state"
)

// patience is how long a test waits before it calls something lost.
const patience = 30 * time.Second

// host is a root on which one pkgd lives after the other.
type host struct {
	t    *testing.T
	ctx  context.Context
	dirs dirs.Dirs
	life *life // the one now
}

// life is one pkgd's, from its start to its end, as far as packages go.
type life struct {
	st       *state.State
	tasks    *state.TaskRunner
	runner   *hookrunner.Runner
	services *tardy
	health   *healthstate.Manager
	packages *pkgstate.Manager
	wake     chan struct{}
	turning  chan struct{} // closed when the loop has ended; nil: it never began
}

func newHost(t *testing.T) *host {
	t.Helper()
	root, err := os.MkdirTemp("", "p")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(root)) })
	d, err := dirs.New(root)
	must(t, err)
	for _, dir := range []string{d.Run(), d.Packages(), d.Cache(), d.RevertedData(), d.Logs()} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	h := &host{t: t, ctx: ctx, dirs: d}
	t.Cleanup(func() { // before the root goes
		if h.life != nil {
			h.stop()
		}
	})
	h.start()
	h.turn()
	return h
}

// start starts pkgd; no hook, task or service does before turn.
func (h *host) start() {
	h.t.Helper()
	l := &life{wake: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(h.t.Output(), nil))
	var err error
	l.st, err = state.Open(h.dirs.State(), state.Options{})
	must(h.t, err)
	l.runner, err = hookrunner.New(hookrunner.Options{Dirs: h.dirs, Log: log, CtlPath: "/bin/true"})
	must(h.t, err)
	l.services = newTardy(h.t, h.dirs)
	l.tasks = state.NewTaskRunner(l.st)
	l.health = healthstate.NewManager(l.st, l.runner, l.services, healthstate.Options{Log: log, Exists: pkgstate.Exists})
	l.packages = pkgstate.NewManager(pkgstate.Options{
		State: l.st, Tasks: l.tasks, Runner: l.runner, Health: l.health, Services: l.services, Dirs: h.dirs, Log: log, Version: "1",
	})
	l.st.SetEnsure(func(d time.Duration) { time.AfterFunc(d, l.poke) })
	l.packages.StartUp()
	h.life = l
}

func (l *life) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// turn begins what pkgd does by itself.
func (h *host) turn() {
	l := h.life
	l.packages.Tidy()
	must(h.t, l.health.StartUp())
	l.turning = make(chan struct{})
	l.poke()
	go func() {
		defer close(l.turning)
		for range l.wake {
			_ = l.health.Ensure()
			_ = l.packages.Ensure()
			_ = l.tasks.Ensure()
		}
	}()
}

// stop is a planned one.
func (h *host) stop() { h.end(func(*state.State) {}) }

// die is an end that nobody planned, as far as the next pkgd can tell.
func (h *host) die() {
	h.end(func(st *state.State) { st.Set("running", struct{}{}) })
}

func (h *host) end(last func(*state.State)) {
	h.t.Helper()
	l := h.life
	h.life = nil
	l.st.SetEnsure(func(time.Duration) {})
	l.tasks.Stop()
	l.health.Stop()
	l.packages.Stop()
	must(h.t, l.services.Shutdown(context.WithoutCancel(h.ctx)))
	l.st.Lock()
	last(l.st)
	l.st.Unlock()
	l.runner.Close()
	must(h.t, l.st.Close())
}

// tree writes the tree of a package with the service bin/serve, which says what
// its cookie is, if the manifest names it.
func (h *host) tree(manifest string, hooks map[string]string) string {
	h.t.Helper()
	dir := h.t.TempDir()
	h.write(filepath.Join(dir, "meta/pkg.yaml"), "summary: A web server\nname: web\n"+manifest, 0o644)
	h.write(filepath.Join(dir, "bin/serve"), "#!/bin/sh\necho $PKG_COOKIE >$PKG_COMMON/cookie\nexec sleep 1000\n", 0o755)
	for name, script := range hooks {
		h.write(filepath.Join(dir, "meta/hooks", name), "#!/bin/sh\n"+script+"\n", 0o755)
	}
	return dir
}

func (h *host) write(path, content string, mode os.FileMode) {
	h.t.Helper()
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(h.t, os.WriteFile(path, []byte(content), mode))
}

// begin asks for a change and does not wait for it.
func (h *host) begin(req api.PackageRequest) string {
	h.t.Helper()
	id, _, err := h.life.packages.Do(h.ctx, req)
	must(h.t, err)
	return id
}

// install installs a tree.
func (h *host) install(tree string) {
	h.t.Helper()
	h.finish(h.begin(api.PackageRequest{Action: "install", Targets: []string{tree}}))
}

func (h *host) command(req api.ServiceRequest) string {
	h.t.Helper()
	id, err := h.life.packages.ServiceAction(h.ctx, req)
	must(h.t, err)
	return id
}

// finish waits until a change is ready.
func (h *host) finish(id string) api.Change {
	h.t.Helper()
	chg, err := h.life.packages.WaitChange(h.ctx, id)
	must(h.t, err)
	return chg
}

// task is the one of a change whose summary begins so.
func (h *host) task(id, summary string) api.Task {
	h.t.Helper()
	chg, err := h.life.packages.Change(id)
	must(h.t, err)
	for _, t := range chg.Tasks {
		if strings.HasPrefix(t.Summary, summary) {
			return t
		}
	}
	h.t.Fatalf("change %s has no task %q", id, summary)
	return api.Task{}
}

// await waits until it is so.
func (h *host) await(what string, so func() bool) {
	h.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-h.ctx.Done():
			h.t.Fatalf("never happens: %s", what)
		}
	}
}

// awaitTask waits until a change's task has a status.
func (h *host) awaitTask(id, summary, status string) {
	h.t.Helper()
	h.await(summary+" is "+status, func() bool { return h.task(id, summary).Status == status })
}

// running names the services that run.
func (h *host) running() (names []string) {
	h.t.Helper()
	all, err := h.life.services.Status(h.ctx, "")
	must(h.t, err)
	for _, s := range all {
		if s.PID != 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

func (h *host) wantNothingRunning() {
	h.t.Helper()
	if names := h.running(); len(names) > 0 {
		h.t.Errorf("%v still run", names)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
