package osutil_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

func slackOf(t *testing.T, tid string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + tid + "/timerslack_ns")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return "" // it has ended meanwhile
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestOnlyTheRuntimesMonitorMayOversleep(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change another thread's timer slack")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	osutil.CalmMonitor()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	calm := 0
	for _, thread := range threads {
		if slackOf(t, thread.Name()) == "4000000" {
			calm++
		}
	}
	// One that the monitor itself has made may be there too.
	if calm == 0 || calm == len(threads) {
		t.Errorf("%d of %d threads may oversleep", calm, len(threads))
	}
}

func TestWhatIsStartedSleepsAsPreciselyAsPkgdWasMeantTo(t *testing.T) {
	osutil.CalmMonitor()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	want, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	// As a thread that the monitor made.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 777_000, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(want), 0, 0, 0) //nolint:errcheck // the thread is the test's
	for _, confined := range []bool{false, true} {
		out, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, "cat /proc/$$/timerslack_ns", func(s *osutil.Spec) { s.Stdout, s.NoNewPrivs = w, confined })
		w.Close()
		got, _ := io.ReadAll(out)
		out.Close()
		<-p.Done()
		if s := strings.TrimSpace(string(got)); s == "777000" || s == "4000000" || s == "" {
			t.Errorf("confined %v: a timer slack of %q ns", confined, s)
		}
	}
}
