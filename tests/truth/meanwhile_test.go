package truth

import (
	"fmt"
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

// letGo lets the hook that is held up go on.
func (w *world) letGo(name string) {
	w.Helper()
	w.clear("block-" + name)
	_, err := w.pipes["go-"+name].WriteString("\n")
	w.must(err)
}

// checkMeanwhile has the package checked while its change is held up: before the
// switch at once, and else with the change's own run.
func (w *world) checkMeanwhile(d deed, a answer) {
	w.Helper()
	if a.free(d) {
		w.check(d.pkg)
		w.letGo(d.pkg)
		return
	}
	checked := make(chan error, 1)
	go func() { checked <- w.tryCheck(d.pkg) }()
	w.letGo(d.pkg)
	if err := <-checked; kindOf(err) != api.ErrNotInstalled || d.do != "remove" && d.do != "purge" && d.do != "install" {
		w.must(err)
	}
}

// free tells whether a run of check-health may begin at the point at which the
// deed is held up: no other runs, and the change is not in its window.
func (a answer) free(d deed) bool {
	return d.back == "" && (d.at == "pre-refresh" || d.at == "configure" && d.do != "install")
}

// arrivedAgain waits until the change has come back to its point after a death.
func (w *world) arrivedAgain(d deed, a answer) {
	w.Helper()
	w.arrived(d.pkg)
	if a.window {
		w.knows(d.pkg, word{status: "maintenance", code: "pkgd-refreshing"})
	}
	if a.free(d) {
		w.check(d.pkg)
	}
}
