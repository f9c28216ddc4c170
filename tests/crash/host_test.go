package crash

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/daemontest"
	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

var bin string // folder of the programs under test

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(daemontest.Programs(func(dir string) int {
		bin = dir
		return run(m)
	}))
}

func run(m *testing.M) int {
	code := m.Run()
	if err := world.PrintTable(*table, "deaths"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// host is a world that can be put back as it was.
type host struct {
	*world.World
	t   *testing.T
	top string
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := inside(t, world.Folder(t, "pc"))
	h.Write(h.Dirs.Config(), "health: {interval: 1h, settle: 300ms, bake: 0s}\nservices: embedded\n", 0o644)
	return h
}

func inside(t *testing.T, top string) *host {
	t.Helper()
	return &host{world.New(t, bin, filepath.Join(top, "r"), filepath.Join(top, "p")), t, top}
}

// keep remembers the root as it is now.
func (h *host) keep() {
	h.Helper()
	h.copy(h.Dirs.Root, filepath.Join(h.top, "kept"))
}

// again gives the host as it was kept, for another test.
func (h *host) again(t *testing.T) *host {
	t.Helper()
	n := inside(t, h.top)
	n.Blind = h.Blind
	daemontest.RemoveAll(n.Dirs.Root)
	n.copy(filepath.Join(h.top, "kept"), n.Dirs.Root)
	return n
}

func (h *host) copy(from, to string) {
	h.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		h.Fatalf("%v: %s", err, out)
	}
}

// steps are the system calls at which a daemon may be killed.
type steps struct {
	name  string
	calls []int
	on    string // what the paths of their first descriptors begin with, below the root; empty: any
}

var (
	// commits are the writes to state.db that the daemon waits for: two a
	// commit, one before it counts and one after.
	commits = steps{"commit, before and after", []int{unix.SYS_FDATASYNC}, "/var/lib/pkgd/state.db"}
	// changes are the calls that change anything on the disk.
	changes = steps{name: "call that changes the disk", calls: []int{
		unix.SYS_FDATASYNC, unix.SYS_FSYNC, unix.SYS_SYNCFS, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT,
		unix.SYS_MKDIRAT, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_FCHMODAT, unix.SYS_FCHMOD, unix.SYS_COPY_FILE_RANGE,
	}}
)

// dieAt launches a daemon that is killed instead of its nth step, and tells
// whether that has come. The disk's cache survives.
func (h *host) dieAt(s steps, n int) (died *atomic.Bool) {
	h.Helper()
	died = &atomic.Bool{}
	h.Launch(func(c gate.Call) gate.Outcome {
		if n == 0 || !c.By("pkgd") || s.on != "" && !strings.HasPrefix(c.Path(0), h.Dirs.Root+s.on) {
			return gate.Through
		}
		if n--; n > 0 {
			return gate.Through
		}
		died.Store(true)
		c.Kill()
		return gate.Outcome{Errno: unix.EIO}
	}, s.calls...)
	return died
}

// live lets a daemon that dies at some step do something and stop, as far as it
// comes.
func (h *host) live(do func(*world.World)) {
	h.Helper()
	if h.Up() == nil {
		do(h.World)
	}
	_ = h.Cmd.Process.Signal(unix.SIGTERM)
	h.Died()
}
