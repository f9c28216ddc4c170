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
	refreshWithDeaths(t, broken, 1)
}

func TestDeathAtEveryStepOfAGoodRefresh(t *testing.T) {
	refreshWithDeaths(t, well, 2)
}

// refreshWithDeaths refreshes 41 to 42, killing the daemon at the first step,
// then at the second, and so on until one run survives. After each death the
// next daemon has to end the change by itself, with revision want.
func refreshWithDeaths(t *testing.T, health string, want int) {
	ctl := buildCtl(t)
	for death := 1; death < maxSteps; death++ {
		survived := false
		t.Run(fmt.Sprintf("step %d", death), func(t *testing.T) {
			w := newWorld(t, ctl)
			installed(w)
			w.start(death)
			w.do(api.PackageRequest{Action: "refresh", Targets: []string{w.pack("42", health)}})
			if survived = !w.endOrDeath(); survived {
				return
			}
			w.start(0)
			w.check(want)
			w.stop()
		})
		if survived || t.Failed() {
			return
		}
	}
	t.Fatalf("no run survived %d steps", maxSteps)
}

// installed puts web 41 on the world, with its configuration, and stops.
func installed(w *world) {
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

// check holds the host against what a refresh to revision want leaves: one
// revision, its data, its configuration, one service, and no leftovers.
func (w *world) check(want int) {
	w.t.Helper()
	chg, begun := w.settle("refresh")
	if !begun {
		want = 1 // it died before the change was on disk: nothing was promised
	}
	version := strconv.Itoa(40 + want)
	info, err := w.c.Package(w.ctx(), "web")
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log.String())
	}
	if info.Revision != want {
		w.t.Errorf("revision is %d, want %d: %+v\n%s", info.Revision, want, chg, w.log.String())
	}
	if n, rev := w.serving(); n != 1 || rev != strconv.Itoa(want) {
		w.t.Errorf("%d services run, the last of revision %s; want one of %d\n%s", n, rev, want, w.log.String())
	}
	if got := w.read(w.dirs.DataRevision("web", want) + "/schema"); got != version {
		w.t.Errorf("data say %q, want %q", got, version)
	}
	if got, err := w.c.Config(w.ctx(), "web", []string{"port"}); err != nil || string(got) != version {
		w.t.Errorf("configuration says %s (%v), want %s", got, err, version)
	}
	w.noLeftovers(want)
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
