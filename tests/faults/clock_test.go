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
)

// A static program's wall clock cannot be faked by a library, and a time
// namespace has none. Where the kernel gives a program no vDSO, every look at
// the clock is a system call, which waits at the gate.

// year is how far clocks jump here.
const year = 365 * 24 * time.Hour

// clock answers the daemon's looks at the wall clock with an offset.
func (w *world) clock(offset time.Duration) (looks *atomic.Int64) {
	return w.clockThat(func() time.Duration { return offset })
}

// clockThat answers with the offset of the moment.
func (w *world) clockThat(jumps func() time.Duration) (looks *atomic.Int64) {
	looks = &atomic.Int64{}
	w.gate.set(func(c call) outcome {
		now := time.Now().Add(jumps())
		var b [16]byte
		binary.NativeEndian.PutUint64(b[0:], uint64(now.Unix()))
		binary.NativeEndian.PutUint64(b[8:], uint64(now.Nanosecond()))
		if c.nr != unix.SYS_CLOCK_GETTIME || c.poke(c.args[1], b[:]) != nil {
			return through
		}
		looks.Add(1)
		return outcome{faked: true}
	})
	return looks
}

// startWithClock runs a daemon whose wall clock is that far ahead.
func (w *world) startWithClock(ahead time.Duration) {
	w.t.Helper()
	if runtime.GOARCH != "amd64" {
		w.t.Skip("where a new program finds its vDSO is known here for amd64 only")
	}
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	keep := w.prepare(unix.SYS_CLOCK_GETTIME)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	kept := make(chan *gate)
	go func() {
		g := keep(w.t)
		if ahead != 0 {
			w.gate = g
			w.clock(ahead)
		}
		kept <- g
	}()
	if err := hideVDSO(w.cmd.Process.Pid); err != nil {
		w.t.Fatalf("cannot hide the vDSO: %v", err)
	}
	w.gate = <-kept
	w.await(w.cmd)
	if err := w.c.AwaitDaemon(w.ctx()); err != nil {
		w.t.Fatalf("no daemon: %v\n%s", err, w.log.String())
	}
}

func TestClockThatJumpsAYearChangesNothing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			w := newWorld(t, "ext4")
			w.installed()
			w.startWithClock(0)
			w.awaitService()
			bad := w.pack("42", broken)
			if chg, err := w.ask("refresh", bad); err != nil || chg.Status == "Done" {
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
			w.mustDo("refresh", w.pack("43", well))
			w.gate.set(letThrough) // the clock jumps back
			if info, err := w.c.Package(w.ctx(), "web"); err != nil || info.Version != "43" {
				t.Errorf("package is %+v (%v)", info, err)
			}
			w.stop()
			report(t, "wall clock jumps a year "+name+" and returns", "at rest and before a refresh", 1, "refusal and data set aside stay, health not stale; the refresh is done")
		})
	}
}

// sameAsEver checks what a clock may not touch: a record that is fresh and a
// refusal that holds.
func (w *world) sameAsEver(refused string) {
	w.t.Helper()
	for _, r := range w.answers().Packages {
		if r.Status != "active" || r.Stale {
			w.t.Errorf("health is %+v", r)
		}
	}
	w.refuses(refused)
	w.isTrulyActive(1)
}

func (w *world) refuses(bad string) {
	w.t.Helper()
	_, err := w.ask("refresh", bad)
	w.says(err, "refused")
}

// setAside counts what is kept of data that were taken back.
func (w *world) setAside() int {
	w.t.Helper()
	items, err := w.c.Data(w.ctx(), "web")
	if err != nil {
		w.t.Fatal(err)
	}
	return len(items)
}

func TestRestartWithAClockAYearAheadKeepsRefusals(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newWorld(t, "ext4")
	w.installed()
	w.start()
	w.awaitService()
	bad := w.pack("42", broken)
	if chg, err := w.ask("refresh", bad); err != nil || chg.Status == "Done" {
		t.Fatalf("a bad revision was called good: %+v %v", chg, err)
	}
	w.stop()
	w.startWithClock(year)
	w.awaitService()
	w.asksAtOnce(time.Now().Add(year / 2))
	w.refuses(bad)
	w.holds(1)
	if n := w.setAside(); n != 1 {
		t.Errorf("%d data are kept aside, want 1", n)
	}
	f := finding{fault: "wall clock is a year ahead", when: "restart", times: 1, reached: "refusal and data set aside stay, the hook runs and is believed"}
	w.stop()
	f.add(t)
}

// asksAtOnce waits for a run at rest that nobody asked for: the interval is an
// hour, so that only an overdue record brings one now.
func (w *world) asksAtOnce(after time.Time) {
	w.t.Helper()
	eventually(w.t, "a run at rest of a record a year old", func() bool {
		p := w.answers().Packages
		return len(p) == 1 && p[0].CheckedAt != nil && p[0].CheckedAt.After(after)
	})
}

func TestDowntimeIsNotMeasuredByTheWallClock(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			w := newWorld(t, "ext4")
			w.installed()
			w.startWithClock(0)
			w.awaitService()
			looks := w.clockThat(func() time.Duration { // jumps between the stop and the start of the services
				if rev, err := os.Readlink(w.dirs.Current("web")); err == nil && rev == "2" {
					return jump
				}
				return 0
			})
			w.mustDo("refresh", w.pack("42", well))
			why, err := w.c.Why(w.ctx(), "web")
			if err != nil || why.Downtime <= 0 || why.Downtime > time.Hour.Seconds() {
				t.Errorf("web was down for %v s (%v)", why.Downtime, err)
			}
			if looks.Load() == 0 {
				t.Fatal("the daemon did not look at the clock that was faked")
			}
			w.gate.set(letThrough)
			w.stop()
			report(t, "wall clock jumps a year "+name, "while services are down", 1, "the downtime told is what has passed")
		})
	}
}
