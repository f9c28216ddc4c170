package faults

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/api"

	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

func TestNoDescriptorsLeftIsToldAndPasses(t *testing.T) {
	w := serving(t)
	target := w.Pack("42", world.Well)
	w.answers() // keeps its connection
	end := w.descriptors(w.open())
	change, err := w.begin("refresh", target)
	if err == nil {
		t.Error("a refresh without descriptors went well")
	} else {
		w.says(err, "too many open files")
	}
	w.sayNothingFalse()
	end()
	w.recovers()
	w.Holds(w.endOf(change, 1, 2))
	w.MustDo("refresh", target)
	w.Holds(2)
	w.cleanAfterRestart(2)
	world.Report(t, "EMFILE", "refresh", 1, "told; old revision, then the new one when there were descriptors")
}

func TestServiceStartsOnceThereAreDescriptors(t *testing.T) {
	w := serving(t)
	w.answers() // keeps its connection
	if err := w.serve("stop"); err != nil {
		t.Fatal(err)
	}
	end := w.noDescriptors()
	if err := w.serve("start"); err != nil {
		w.says(err, "too many open files")
	}
	end()
	w.Holds(1)
	w.cleanAfterRestart(1)
	world.Report(t, "EMFILE", "start of a service", 1, "told; the service is started when there are descriptors")
}

// serve has web's services stopped or started.
func (w *site) serve(action string) error {
	w.Helper()
	id, err := w.Client.ServiceAction(w.Ctx(), api.ServiceRequest{Action: action, Names: []string{"web"}})
	if err != nil {
		return err
	}
	chg, err := w.Client.WaitChange(w.Ctx(), id)
	if err != nil {
		return err
	}
	return world.Failure(chg)
}

// starts tells whether a call starts another program, rather than a thread.
func starts(c gate.Call) bool {
	flags := c.Args[0]
	if c.Nr == unix.SYS_CLONE3 {
		b := make([]byte, 8)
		f, err := os.Open(fmt.Sprintf("/proc/%d/mem", c.Tid))
		if err != nil {
			return false
		}
		defer f.Close()
		if _, err := f.ReadAt(b, int64(c.Args[0])); err != nil {
			return false
		}
		flags = binary.NativeEndian.Uint64(b)
	}
	return flags&unix.CLONE_THREAD == 0
}

func TestNoMemoryToStartAHookIsNoGreen(t *testing.T) {
	w := serving(t, unix.SYS_CLONE, unix.SYS_CLONE3)
	end := w.noMemory()
	h, err := w.Client.Check(w.Ctx(), api.HealthRequest{Names: []string{"web"}})
	if w.says(err, "cannot allocate memory"); len(h.Packages) != 0 {
		t.Errorf("a hook that could not be started told %+v", h.Packages)
	}
	end()
	w.Holds(1)
	w.cleanAfterRestart(1)
	world.Report(t, "ENOMEM at fork", "check", 1, "told, no new record; the hook runs again when there is memory")
}

func TestNoMemoryToStartAnythingInARefreshIsNoGreen(t *testing.T) {
	w := serving(t, unix.SYS_CLONE, unix.SYS_CLONE3)
	target := w.Pack("42", world.Well)
	end := w.noMemory()
	change, err := w.begin("refresh", target)
	if err == nil {
		t.Error("a refresh without memory went well")
	} else {
		w.says(err, "cannot allocate memory")
	}
	w.sayNothingFalse()
	end()
	w.Holds(w.endOf(change, 1, 2))
	w.MustDo("refresh", target)
	w.Holds(2)
	w.cleanAfterRestart(2)
	world.Report(t, "ENOMEM at fork", "refresh", 1, "told; old revision, then the new one when there was memory")
}

func TestHookWithoutMemoryIsTakenBack(t *testing.T) {
	w := serving(t)
	chg, err := w.Ask("refresh", w.Pack("42", "ulimit -v 1000; "+world.Well))
	if err != nil || chg.Status == "Done" {
		t.Fatalf("a revision whose hook has no memory was called good: %+v %v", chg, err)
	}
	w.Holds(1)
	w.cleanAfterRestart(1)
	world.Report(t, "ENOMEM in a hook", "refresh", 1, "taken back to the old revision")
}

func TestReadOnlyDiskIsToldAndPasses(t *testing.T) {
	w := serving(t)
	target := w.Pack("42", world.Well)
	w.disk.fail()
	change, err := w.begin("refresh", target)
	if err != nil {
		w.says(err, "read-only file system")
	}
	w.sayNothingFalse()
	w.Kill()
	w.disk.replug()
	w.Start()
	w.AwaitService()
	if _, begun := w.Settle("refresh"); begun {
		t.Errorf("change %s was begun on a disk that cannot be written", change)
	}
	w.Holds(1)
	w.MustDo("refresh", target)
	w.Holds(2)
	w.cleanAfterRestart(2)
	world.Report(t, "the kernel remounts the disk read-only", "refresh", 1, "told; old revision after the next mount, then the new one")
}

// noDescriptors leaves the daemon those that it has, and gives it no other.
func (w *site) noDescriptors() (end func()) { return w.descriptors(0) }

// descriptors bounds the numbers of descriptors that the daemon gets.
func (w *site) descriptors(most uint64) (end func()) {
	w.Helper()
	pid := w.Cmd.Process.Pid
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: w.mostDescriptors()}, &old); err != nil {
		w.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil); err != nil {
			w.Error(err)
		}
	}
}

func (w *site) mostDescriptors() uint64 {
	w.Helper()
	var now unix.Rlimit
	if err := unix.Prlimit(w.Cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		w.Fatal(err)
	}
	return now.Max
}

// open is how many descriptors the daemon has.
func (w *site) open() uint64 {
	w.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.Cmd.Process.Pid))
	if err != nil {
		w.Fatal(err)
	}
	return uint64(len(fds))
}

// noMemory lets the daemon start no program.
func (w *site) noMemory() (end func()) {
	w.Gate.Set(func(c gate.Call) gate.Outcome {
		if !c.By("pkgd") || !starts(c) {
			return gate.Through
		}
		return gate.Outcome{Errno: unix.ENOMEM}
	})
	return func() { w.Gate.Set(gate.LetThrough) }
}
