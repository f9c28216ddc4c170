package faults

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

// A static program's wall clock cannot be faked by a library, and a time
// namespace has none. Where the kernel gives a program no vDSO, every look at
// the clock is a system call, which waits at the gate.

// year is how far clocks jump here.
const year = 365 * 24 * time.Hour

// clock answers the daemon's looks at the wall clock with an offset.
func (w *site) clock(offset time.Duration) (looks *atomic.Int64) {
	return w.clockThat(func() time.Duration { return offset })
}

// clockThat answers with the offset of the moment.
func (w *site) clockThat(jumps func() time.Duration) (looks *atomic.Int64) {
	rule, looks := wrongBy(jumps)
	w.Gate.Set(rule)
	return looks
}

func wrongBy(jumps func() time.Duration) (r gate.Rule, looks *atomic.Int64) {
	looks = &atomic.Int64{}
	return func(c gate.Call) gate.Outcome {
		now := time.Now().Add(jumps())
		var b [16]byte
		binary.NativeEndian.PutUint64(b[0:], uint64(now.Unix()))
		binary.NativeEndian.PutUint64(b[8:], uint64(now.Nanosecond()))
		if c.Nr != unix.SYS_CLOCK_GETTIME || c.Poke(c.Args[1], b[:]) != nil {
			return gate.Through
		}
		looks.Add(1)
		return gate.Outcome{Faked: true}
	}, looks
}

// startWithClock runs a daemon whose wall clock is that far ahead.
func (w *site) startWithClock(ahead time.Duration) {
	w.Helper()
	if runtime.GOARCH != "amd64" {
		w.Skip("where a new program finds its vDSO is known here for amd64 only")
	}
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	keep := w.Prepare(unix.SYS_CLOCK_GETTIME)
	w.Cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := w.Cmd.Start(); err != nil {
		w.Fatal(err)
	}
	rule, _ := wrongBy(func() time.Duration { return ahead })
	if ahead == 0 {
		rule = gate.LetThrough
	}
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		keep(rule)
	}()
	if err := hideVDSO(w.Cmd.Process.Pid); err != nil {
		w.Fatalf("cannot hide the vDSO: %v", err)
	}
	<-kept
	w.Await()
	if err := w.Client.AwaitDaemon(w.Ctx()); err != nil {
		w.Fatalf("no daemon: %v\n%s", err, w.Said)
	}
}

func TestClockThatJumpsAYearChangesNothing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			w := newSite(t, "ext4")
			w.Installed()
			w.startWithClock(0)
			w.AwaitService()
			bad := w.Pack("42", world.Broken)
			if chg, err := w.Ask("refresh", bad); err != nil || chg.Status == "Done" {
				t.Fatalf("a bad revision was called good: %+v %v", chg, err)
			}
			looks := w.clock(jump)
			w.sameAsEver(bad)
			if n := w.setAside(); n != 1 {
				t.Errorf("%d data are kept aside, want 1", n)
			}
			if looks.Load() == 0 {
				t.Fatal("the daemon did not look at the clock that was faked")
			}
			w.MustDo("refresh", w.Pack("43", world.Well))
			w.Gate.Set(gate.LetThrough) // the clock jumps back
			if info, err := w.Client.Package(w.Ctx(), "web"); err != nil || info.Version != "43" {
				t.Errorf("package is %+v (%v)", info, err)
			}
			w.Stop()
			world.Report(t, "wall clock jumps a year "+name+" and returns", "at rest and before a refresh", 1, "refusal and data set aside stay, health not stale; the refresh is done")
		})
	}
}

// sameAsEver checks what a clock may not touch: a record that is fresh and a
// refusal that holds.
func (w *site) sameAsEver(refused string) {
	w.Helper()
	for _, r := range w.answers().Packages {
		if r.Status != "active" || r.Stale {
			w.Errorf("health is %+v", r)
		}
	}
	w.refuses(refused)
	w.IsTrulyActive(1)
}

func (w *site) refuses(bad string) {
	w.Helper()
	_, err := w.Ask("refresh", bad)
	w.says(err, "refused")
}

// setAside counts what is kept of data that were taken back.
func (w *site) setAside() int {
	w.Helper()
	items, err := w.Client.Data(w.Ctx(), "web")
	if err != nil {
		w.Fatal(err)
	}
	return len(items)
}

func TestRestartWithAClockAYearAheadKeepsRefusals(t *testing.T) {
	w := serving(t)
	bad := w.Pack("42", world.Broken)
	if chg, err := w.Ask("refresh", bad); err != nil || chg.Status == "Done" {
		t.Fatalf("a bad revision was called good: %+v %v", chg, err)
	}
	w.Stop()
	w.startWithClock(year)
	w.AwaitService()
	w.asksAtOnce(time.Now().Add(year / 2))
	w.refuses(bad)
	w.Holds(1)
	if n := w.setAside(); n != 1 {
		t.Errorf("%d data are kept aside, want 1", n)
	}
	f := world.Finding{Fault: "wall clock is a year ahead", When: "restart", Times: 1, Reached: "refusal and data set aside stay, the hook runs and is believed"}
	w.Stop()
	f.Add(t)
}

// asksAtOnce waits for a run at rest that nobody asked for: the interval is an
// hour, so that only an overdue record brings one now.
func (w *site) asksAtOnce(after time.Time) {
	w.Helper()
	world.Eventually(w.TB, "a run at rest of a record a year old", func() bool {
		p := w.answers().Packages
		return len(p) == 1 && p[0].CheckedAt != nil && p[0].CheckedAt.After(after)
	})
}

func TestDowntimeIsNotMeasuredByTheWallClock(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			w := newSite(t, "ext4")
			w.Installed()
			w.startWithClock(0)
			w.AwaitService()
			looks := w.clockThat(func() time.Duration { // jumps between the stop and the start of the services
				if rev, err := os.Readlink(w.Dirs.Current("web")); err == nil && rev == "2" {
					return jump
				}
				return 0
			})
			w.MustDo("refresh", w.Pack("42", world.Well))
			why, err := w.Client.Why(w.Ctx(), "web")
			if err != nil || why.Downtime <= 0 || why.Downtime > time.Hour.Seconds() {
				t.Errorf("web was down for %v s (%v)", why.Downtime, err)
			}
			if looks.Load() == 0 {
				t.Fatal("the daemon did not look at the clock that was faked")
			}
			w.Gate.Set(gate.LetThrough)
			w.Stop()
			world.Report(t, "wall clock jumps a year "+name, "while services are down", 1, "the downtime told is what has passed")
		})
	}
}
