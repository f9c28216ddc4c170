package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// holds checks the host against what revision want leaves: that revision, its
// data, its configuration, one service, and a health that is true. A revision of 0 is none at all.
func (w *world) holds(want int) {
	w.t.Helper()
	if want == 0 {
		w.isGone()
		return
	}
	info, err := w.c.Package(w.ctx(), "web")
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log.String())
	}
	w.awaitService()
	version := strconv.Itoa(40 + want)
	if info.Revision != want {
		w.t.Errorf("revision is %d, want %d", info.Revision, want)
	}
	if n, rev := w.serving(); n != 1 || rev != strconv.Itoa(want) {
		w.t.Errorf("%d services run, the last of revision %q; want one of %d", n, rev, want)
	}
	eventually(w.t, "data of the service's version", func() bool {
		return w.read(w.dirs.DataRevision("web", want)+"/schema") == version
	})
	if got, err := w.c.Config(w.ctx(), "web", []string{"port"}); err != nil || string(got) != version {
		w.t.Errorf("configuration says %s (%v), want %s", got, err, version)
	}
	w.isTrulyActive(want)
	if w.t.Failed() {
		w.t.Log(w.log.String())
	}
}

// awaitService waits until the service is up: after a start that is no change's
// business.
func (w *world) awaitService() {
	w.t.Helper()
	eventually(w.t, "start of the service", func() bool {
		list, err := w.c.Services(w.ctx(), []string{"web"})
		return err == nil && len(list) == 1 && list[0].State == "active"
	})
}

// eventually asks again and again; the bound is there to end a hopeless test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// isTrulyActive asks the hook now: all revisions that are kept here are well.
func (w *world) isTrulyActive(want int) {
	w.t.Helper()
	h, err := w.c.Check(w.ctx(), api.HealthRequest{Names: []string{"web"}})
	if err != nil || len(h.Packages) != 1 {
		w.t.Errorf("check: %+v %v", h, err)
		return
	}
	if r := h.Packages[0]; r.Status != "active" || r.Revision != want {
		w.t.Errorf("health is %+v, want active of revision %d", r, want)
	}
}

func (w *world) isGone() {
	w.t.Helper()
	if list, err := w.c.Packages(w.ctx()); err != nil || len(list) != 0 {
		w.t.Errorf("installed are %+v (%v)\n%s", list, err, w.log.String())
	}
	if n, _ := w.serving(); n != 0 {
		w.t.Errorf("%d services run", n)
	}
	if left, _ := filepath.Glob(w.dirs.Package("web") + "/*"); len(left) > 0 {
		w.t.Errorf("left over: %v", left)
	}
}

// noLeftovers checks that nothing half-made lies about. What a failing disk did
// not let go of, the next start removes; a private copy of content may stay as
// long as changes are remembered.
func (w *world) noLeftovers() {
	w.t.Helper()
	for _, glob := range []string{
		w.dirs.Packages() + "/.*", w.dirs.Package("web") + "/.*", w.dirs.Data("web") + "/.*",
	} {
		if left, _ := filepath.Glob(glob); len(left) > 0 {
			w.t.Errorf("left over: %v", left)
		}
	}
}

// cleanAfterRestart looks once more after a planned restart, and ends.
func (w *world) cleanAfterRestart(want int) {
	w.t.Helper()
	w.stop()
	w.start()
	w.holds(want)
	w.noLeftovers()
	w.stop()
}

// serving counts the instances of the service, by what the kernel runs. A
// shell's fork of itself belongs to the instance that it was forked from.
func (w *world) serving() (n int, rev string) {
	revs := map[string]string{} // by pid
	for _, pid := range w.processes() {
		p := strconv.Itoa(pid)
		for word := range strings.SplitSeq(w.read("/proc/"+p+"/cmdline"), "\x00") {
			if strings.HasPrefix(word, w.dirs.Packages()) && strings.HasSuffix(word, "/bin/serve") {
				revs[p] = filepath.Base(filepath.Dir(filepath.Dir(word)))
			}
		}
	}
	for pid, r := range revs {
		if _, forked := revs[w.parent(pid)]; !forked {
			n++
			rev = r
		}
	}
	return n, rev
}

func (w *world) parent(pid string) string {
	_, rest, _ := strings.Cut(w.read("/proc/"+pid+"/stat"), ") ")
	if f := strings.Fields(rest); len(f) > 1 {
		return f[1]
	}
	return ""
}

// answers checks that health is told while a fault lasts, and gives it.
func (w *world) answers() api.Health {
	w.t.Helper()
	h, err := w.c.Health(w.ctx())
	if err != nil {
		w.t.Fatalf("health is silent: %v\n%s", err, w.log.String())
	}
	return h
}

// says checks that an error is there and has these words in it.
func (w *world) says(err error, words ...string) {
	w.t.Helper()
	if err == nil {
		w.t.Errorf("no error, want one with %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("error says %q, want %q in it", err, word)
		}
	}
}

// failure is what a change that was not done says, with the logs of its tasks.
func failure(chg api.Change) error {
	if chg.Status == "Done" {
		return nil
	}
	var log []string
	for _, task := range chg.Tasks {
		log = append(log, task.Log...)
	}
	return fmt.Errorf("%s: %s\n%s", chg.Status, chg.Err, strings.Join(log, "\n"))
}

// copyOf reads a file whole, to compare it later.
func (w *world) copyOf(path string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}
