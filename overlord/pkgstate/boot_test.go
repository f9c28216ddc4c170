package pkgstate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// Each of these tests holds the start of a service that a start of pkgd brings
// back, has something else asked of the package meanwhile, and lets the start go
// as late as can be.

const (
	bare    = "version: \"1\"\n"
	serving = "version: \"1\"\nservices: {serve: {command: bin/serve}}\n"
	next    = "version: \"2\"\nhealth: {settle: 0s, bake: 0s}\nservices: {serve: {command: bin/serve}}\n"
)

// bringBack has pkgd do what it does by itself, and holds the service that it
// brings back.
func (h *host) bringBack() *held {
	h.t.Helper()
	late := h.life.services.hold()
	h.turn()
	<-late.asked
	return late
}

// letGoWhenAwaited lets a start go when a change's task waits for it.
func (h *host) letGoWhenAwaited(late *held, id, summary string) {
	h.t.Helper()
	h.awaitTaskWaits(id, summary)
	late.letGo()
	<-late.done
}

// awaitTaskWaits waits until a change's task says that it waits for services that
// come back, or else is ready.
func (h *host) awaitTaskWaits(id, summary string) {
	h.t.Helper()
	h.await(summary+" waits", func() bool {
		task := h.task(id, summary)
		return slices.Contains([]string{"Done", "Undone", "Error"}, task.Status) || strings.Contains(strings.Join(task.Log, "\n"), "waits for the services")
	})
}

func TestARevertEndsAServiceThatIsOnItsWayUp(t *testing.T) {
	h := newHost(t)
	h.install(h.tree(bare, nil))
	hangs := h.tree(next+"", map[string]string{"check-health": "exec sleep 1000"})
	id := h.begin(api.PackageRequest{Action: "refresh", Targets: []string{hangs}})
	h.awaitTask(id, "Await the verdict", "Doing")
	for range 3 {
		h.die()
		h.start()
	}
	late := h.bringBack()
	h.finish(id)
	<-late.done
	h.wantNothingRunning()
	if why, err := h.life.packages.Why("web"); err != nil || why.Outcome != api.OutcomeReverted {
		t.Errorf("unlikely story %+v, %v", why, err)
	}
}

func TestARemoveEndsAServiceThatIsOnItsWayUp(t *testing.T) {
	h := newHost(t)
	h.install(h.tree(serving, map[string]string{"remove": "sleep 1000"}))
	h.stop()
	h.start()
	late := h.bringBack()
	id := h.begin(api.PackageRequest{Action: "remove", Targets: []string{"web"}})
	h.awaitTask(id, "Stop services", "Done")
	<-late.done
	h.wantNothingRunning()
}

func TestAStoppedServiceDoesNotComeUpLater(t *testing.T) {
	h := newHost(t)
	h.install(h.tree(serving, nil))
	h.stop()
	h.start()
	late := h.bringBack()
	h.finish(h.command(api.ServiceRequest{Action: "stop", Names: []string{"web.serve"}}))
	<-late.done
	h.wantNothingRunning()
}

func TestAServiceThatIsStartedTwiceAtOnceIsStillHeard(t *testing.T) {
	for _, action := range []string{"start", "restart"} {
		t.Run(action, func(t *testing.T) {
			h := newHost(t)
			h.install(h.tree(serving, nil))
			h.stop()
			h.start()
			must(t, os.Remove(filepath.Join(h.dirs.DataCommon("web"), "cookie")))
			late := h.bringBack()
			id := h.command(api.ServiceRequest{Action: action, Names: []string{"web.serve"}})
			h.letGoWhenAwaited(late, id, action)
			h.finish(id)
			h.await("the service's own cookie is known", func() bool {
				cookie, _ := os.ReadFile(filepath.Join(h.dirs.DataCommon("web"), "cookie"))
				_, err := h.life.runner.Contexts().Lookup(strings.TrimSpace(string(cookie)), uint32(os.Geteuid()))
				return err == nil
			})
		})
	}
}

// until keeps tasks with a status, whose summary begins so, from being carried
// out for the rest of this pkgd's life.
func (h *host) until(status state.Status, summary string) {
	h.life.st.Lock()
	defer h.life.st.Unlock()
	h.life.tasks.SetBlocked(func(t *state.Task, _ []*state.Task) bool {
		return t.Status() == status && strings.HasPrefix(t.Summary(), summary)
	})
}

func TestAResumedRefreshStopsServicesOnceTheyAreUp(t *testing.T) {
	h := newHost(t)
	h.install(h.tree(serving, nil))
	h.until(state.DoStatus, "Stop services")
	id := h.begin(api.PackageRequest{Action: "refresh", Targets: []string{h.tree(next, nil)}})
	h.awaitTask(id, "Run hook pre-refresh", "Done")
	h.stop()
	h.start()
	h.until(state.DoStatus, "Snapshot data")
	late := h.bringBack()
	h.letGoWhenAwaited(late, id, "Stop services")
	h.awaitTask(id, "Stop services", "Done")
	h.wantNothingRunning()
}

func TestAResumedPreRefreshRunsWhenTheServicesAreUp(t *testing.T) {
	h := newHost(t)
	h.install(h.tree(serving, map[string]string{"pre-refresh": "[ -e $PKG_COMMON/up ]"}))
	h.until(state.DoStatus, "Run hook pre-refresh")
	id := h.begin(api.PackageRequest{Action: "refresh", Targets: []string{h.tree(next, nil)}})
	h.awaitTask(id, "Check health", "Done")
	h.stop()
	h.start()
	late := h.bringBack()
	h.awaitTaskWaits(id, "Run hook pre-refresh")
	h.write(filepath.Join(h.dirs.DataCommon("web"), "up"), "", 0o644)
	late.letGo()
	if chg := h.finish(id); chg.Status != "Done" {
		t.Errorf("the change is %s: %s", chg.Status, chg.Err)
	}
}

func TestAResumedRevertAsksTheRestoredRevisionWhenItsServicesAreUp(t *testing.T) {
	h := newHost(t)
	h.install(h.tree("health: {settle: 0s, bake: 0s}\n"+serving, nil))
	h.until(state.UndoStatus, "Check health")
	id := h.begin(api.PackageRequest{Action: "refresh", Targets: []string{h.tree(next, map[string]string{"post-refresh": "exit 1"})}})
	h.awaitTask(id, "Stop services", "Undone")
	h.stop()
	h.start()
	late := h.bringBack()
	h.letGoWhenAwaited(late, id, "Check health")
	h.finish(id)
	if why, err := h.life.packages.Why("web"); err != nil || why.Restored == nil || why.Restored.Status != "active" {
		t.Errorf("unlikely story %+v, %v", why, err)
	}
}

func TestAServiceThatWasEndingAtAnAbortServesAgain(t *testing.T) {
	h := newHost(t)
	tree := h.tree(serving, nil)
	h.write(filepath.Join(tree, "bin/serve"), `#!/bin/sh
trap 'echo >$PKG_COMMON/asked; until [ -e $PKG_COMMON/go ]; do sleep 0.01; done; exit 0' TERM
echo $$ >>$PKG_COMMON/pids
while :; do sleep 0.01; done
`, 0o755)
	h.install(tree)
	common := h.dirs.DataCommon("web")
	id := h.begin(api.PackageRequest{Action: "refresh", Targets: []string{h.tree(next, nil)}})
	h.await("the service is asked to end", func() bool {
		_, err := os.Stat(filepath.Join(common, "asked"))
		return err == nil
	})
	must(t, h.life.packages.Abort(id))
	h.awaitTask(id, "Stop services", "Undoing")
	h.write(filepath.Join(common, "go"), "", 0o644)
	h.finish(id)
	pids, _ := os.ReadFile(filepath.Join(common, "pids"))
	if got := h.running(); len(got) != 1 || strings.Count(string(pids), "\n") != 2 {
		t.Errorf("%v run, the processes were: %q", got, pids)
	}
}
