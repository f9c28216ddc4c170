package truth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
)

func (w *world) configure(retain int) {
	w.Helper()
	w.must(write(w.dirs.Config(), fmt.Sprintf(config, retain, w.store())))
}

// retains has pkgd read from its configuration how many revisions to keep.
func (w *world) retains(n int) {
	w.Helper()
	const done = "configuration read again"
	reads := strings.Count(w.log.String(), done) + 1
	w.configure(n)
	w.must(w.cmd.Process.Signal(syscall.SIGHUP))
	w.eventually("configuration", func() bool { return strings.Count(w.log.String(), done) >= reads })
}

// speaks has the package's service call ctl by itself.
func (w *world) speaks(name, say string, exit int) {
	w.Helper()
	_, err := fmt.Fprintln(w.pipes["app-"+name], apps[say].args)
	w.must(err)
	said := w.pipes["said-"+name]
	w.must(said.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, len("0\n"))
	if _, err := said.Read(answer); err != nil {
		w.fail("the service of %s does not call ctl: %v", name, err)
	}
	if got := strings.TrimSpace(string(answer)); got != strconv.Itoa(exit) {
		w.fail("ctl exits with %s, the model says %d", got, exit)
	}
}

// letGo lets the hooks that are held up go on.
func (w *world) letGo(a answer) {
	w.Helper()
	w.clear("block-*")
	for _, one := range a.parts {
		if one.held {
			_, err := w.pipes["go-"+one.pkg].WriteString("\n")
			w.must(err)
		}
	}
}

// everybodyArrived waits until the packages are where they are held up, and the
// others of the same change have nothing left to do.
func (w *world) everybodyArrived(a answer, id string) {
	w.Helper()
	for _, one := range a.parts {
		if !one.held {
			continue
		}
		w.arrived(one.pkg)
		if one.window {
			w.knows(one.pkg, word{status: "maintenance", code: "pkgd-refreshing"})
		}
	}
	for _, one := range a.parts {
		if one.change && !one.held {
			w.eventually("what "+one.pkg+" has to do", func() bool { return w.idle(id, one) })
		}
	}
}

// idle tells whether a change has nothing left to do with a package but what
// waits for all.
func (w *world) idle(id string, p part) bool {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	chg, err := w.c.Change(ctx, id)
	w.must(err)
	return !slices.ContainsFunc(chg.Tasks, func(t api.Task) bool {
		last := slices.Contains([]string{"discard-revisions", "set-aside-data", "delete-package"}, t.Kind)
		return t.Package == p.pkg && t.ReadyAt == nil && !(last && p.together)
	})
}

// checkMeanwhile has the packages checked while their change is held up: before
// the switch at once, and else with the change's own run.
func (w *world) checkMeanwhile(a answer) {
	w.Helper()
	w.checkFree(a)
	checked, asked := make(chan error), 0
	for _, one := range a.parts {
		if one.held && !one.free() {
			asked++
			go func() { checked <- w.tryCheck(one.pkg) }()
		}
	}
	w.letGo(a)
	for range asked {
		if err := <-checked; kindOf(err) != api.ErrNotInstalled || !slices.Contains([]string{"install", "remove", "purge"}, a.parts[0].do) {
			w.must(err)
		}
	}
}

// checkFree has those packages of the change checked of which a run of
// check-health may begin.
func (w *world) checkFree(a answer) {
	w.Helper()
	for _, one := range a.parts {
		if one.free() {
			w.check(one.pkg)
		}
	}
}

// free tells whether a run of check-health may begin while others are held up:
// no other runs, and the change is not in its window.
func (p part) free() bool {
	if !p.held {
		return p.do == "refresh" && p.deed.back == "" && p.refusal == ""
	}
	return p.deed.back == "" && (p.at == "pre-refresh" || p.at == "configure" && p.do != "install")
}
