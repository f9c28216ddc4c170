package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"pkgd.io/pkgd/internal/api"
)

func buildCtl(t *testing.T) string {
	t.Helper()
	ctl := filepath.Join(t.TempDir(), "ctl")
	cmd := exec.Command("go", "build", "-o", ctl, "../../cmd/ctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build ctl: %v\n%s", err, out)
	}
	return ctl
}

// maxSteps ends a test whose run never gets beyond its deaths; a refresh takes
// some sixty steps.
const maxSteps = 400

const (
	well   = "active"
	broken = "error --code=schema-too-new Broken"
)

func TestDeathAtEveryStepOfABadRefresh(t *testing.T) {
	withDeaths(t, (*world).installed, refreshTo(broken), func(w *world) {
		w.settle("refresh")
		w.holds(1)
	})
}

func TestDeathAtEveryStepOfAGoodRefresh(t *testing.T) {
	withDeaths(t, (*world).installed, refreshTo(well), func(w *world) {
		w.holds(w.endOf("refresh", 1, 2))
	})
}

func TestDeathAtEveryStepOfAnInstall(t *testing.T) {
	install := func(w *world) {
		w.do(api.PackageRequest{Action: "install", Targets: []string{w.pack("41", well)}})
	}
	withDeaths(t, nil, install, func(w *world) {
		if w.endOf("install", 0, 1) == 0 {
			w.isGone()
			return
		}
		w.settled("")
		w.noLeftovers(1)
	})
}

func TestDeathAtEveryStepOfARevertByHand(t *testing.T) {
	revert := func(w *world) { w.do(api.PackageRequest{Action: "revert", Targets: []string{"web"}}) }
	withDeaths(t, (*world).refreshed, revert, func(w *world) {
		w.holds(w.endOf("revert", 2, 1))
	})
}

func TestDeathAtEveryStepOfARemove(t *testing.T) {
	remove := func(w *world) { w.do(api.PackageRequest{Action: "remove", Targets: []string{"web"}}) }
	withDeaths(t, (*world).installed, remove, func(w *world) {
		if w.endOf("remove", 1, 0) == 1 {
			w.holds(1)
			return
		}
		w.isGone()
		if got := w.read(w.dirs.DataRevision("web", 1) + "/schema"); got != "41" {
			w.t.Errorf("remove left %q of the data, want all", got)
		}
	})
}

func TestDeathAtEveryStepOfAConfigure(t *testing.T) {
	set := func(w *world) {
		if id, err := w.c.SetConfig(w.ctx(), "web", api.ConfigRequest{"port": []byte("99")}); err == nil {
			_, _ = w.c.WaitChange(w.ctx(), id) // it may die meanwhile
		}
	}
	withDeaths(t, (*world).installed, set, func(w *world) {
		port := w.endOf("configure", 41, 99)
		if n := len(w.changesOf("configure")); n == 1 {
			port = 41 // only the one that set 41 was ever promised
		}
		w.settled(strconv.Itoa(port))
	})
}

func refreshTo(health string) func(*world) {
	return func(w *world) {
		w.do(api.PackageRequest{Action: "refresh", Targets: []string{w.pack("42", health)}})
	}
}

// withDeaths does something on a prepared world, killing the daemon at the first
// step, then at the second, and so on until one run survives. After each death
// the next daemon has to end by itself what was begun; then check looks.
func withDeaths(t *testing.T, prepare, do, check func(*world)) {
	t.Parallel()
	ctl := buildCtl(t)
	for death := 1; death < maxSteps; death++ {
		survived := false
		t.Run(fmt.Sprintf("step %d", death), func(t *testing.T) {
			w := newWorld(t, ctl)
			if prepare != nil {
				prepare(w)
			}
			w.start(death)
			do(w)
			if survived = !w.endOrDeath(); survived {
				return
			}
			w.start(0)
			check(w)
			w.stop()
		})
		if survived || t.Failed() {
			return
		}
	}
	t.Fatalf("no run survived %d steps", maxSteps)
}

// installed puts web 41 on the world, with its configuration, and stops.
func (w *world) installed() {
	w.t.Helper()
	w.start(0)
	w.do(api.PackageRequest{Action: "install", Targets: []string{w.pack("41", well)}})
	id, err := w.c.SetConfig(w.ctx(), "web", api.ConfigRequest{"port": []byte("41")})
	if err != nil {
		w.t.Fatalf("cannot set: %v\n%s", err, w.log.String())
	}
	if _, err := w.c.WaitChange(w.ctx(), id); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
}

// endOrDeath tells whether the daemon has killed itself; one that has not is
// ended.
func (w *world) endOrDeath() (died bool) {
	if _, err := w.c.Changes(w.ctx()); err == nil {
		w.stop()
		return false
	}
	return w.died()
}

// refreshed puts web 42 on the world, over 41.
func (w *world) refreshed() {
	w.t.Helper()
	w.installed()
	w.start(0)
	w.do(api.PackageRequest{Action: "refresh", Targets: []string{w.pack("42", well)}})
	w.stop()
}

// endOf waits for all changes to end and gives before when none of the kind was
// promised or the last was undone, after when it was done.
func (w *world) endOf(kind string, before, after int) int {
	w.t.Helper()
	chg, begun := w.settle(kind)
	if !begun || chg.Status != "Done" {
		return before
	}
	return after
}

// holds checks the host against what revision want leaves: that revision, its
// data, its configuration, one service, and no leftovers.
func (w *world) holds(want int) {
	w.t.Helper()
	version := strconv.Itoa(40 + want)
	w.awaitService()
	info, err := w.c.Package(w.ctx(), "web")
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log.String())
	}
	if info.Revision != want {
		w.t.Errorf("revision is %d, want %d\n%s", info.Revision, want, w.log.String())
	}
	if n, rev := w.serving(); n != 1 || rev != strconv.Itoa(want) {
		w.t.Errorf("%d services run, the last of revision %s; want one of %d\n%s", n, rev, want, w.log.String())
	}
	if got := w.read(w.dirs.DataRevision("web", want) + "/schema"); got != version {
		w.t.Errorf("data say %q, want %q", got, version)
	}
	w.settled(version)
	w.noLeftovers(want)
}

// settled checks that the package is at rest, with one service and, unless it is
// empty, this value of port.
func (w *world) settled(port string) {
	w.t.Helper()
	w.awaitService()
	if n, _ := w.serving(); n != 1 {
		w.t.Errorf("%d services run, want one\n%s", n, w.log.String())
	}
	if port == "" {
		return
	}
	if got, err := w.c.Config(w.ctx(), "web", []string{"port"}); err != nil || string(got) != port {
		w.t.Errorf("configuration says %s (%v), want %s", got, err, port)
	}
}

// isGone checks that nothing of the package runs or can be seen.
func (w *world) isGone() {
	w.t.Helper()
	if list, err := w.c.Packages(w.ctx()); err != nil || len(list) != 0 {
		w.t.Errorf("installed are %+v (%v)\n%s", list, err, w.log.String())
	}
	if n, _ := w.serving(); n != 0 {
		w.t.Errorf("%d services run", n)
	}
	left, err := filepath.Glob(w.dirs.Package("web") + "/*")
	if err != nil || len(left) > 0 {
		w.t.Errorf("left over: %v (%v)", left, err)
	}
	w.noLeftovers(0)
}

func (w *world) noLeftovers(want int) {
	w.t.Helper()
	for _, glob := range []string{
		w.dirs.Staging() + "/*", w.dirs.Packages() + "/.*", w.dirs.Package("web") + "/.*", w.dirs.Data("web") + "/.*",
	} {
		left, err := filepath.Glob(glob)
		if err != nil || len(left) > 0 {
			w.t.Errorf("left over: %v (%v)", left, err)
		}
	}
	if want == 1 {
		if _, err := os.Lstat(w.dirs.DataRevision("web", 2)); err == nil {
			w.t.Error("data of the revision that was taken back still lie where they were")
		}
	}
}
