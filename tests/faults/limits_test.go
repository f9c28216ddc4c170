package faults

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/api"

	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

func TestNoDescriptorsLeftIsToldAndPasses(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start()
	w.AwaitService()
	target := w.Pack("42", world.Well)
	w.answers() // keeps its connection
	var old unix.Rlimit
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(w.Cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(len(open)), Max: old.Max}
	if err := unix.Prlimit(w.Cmd.Process.Pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	change, err := w.begin("refresh", target)
	if err == nil {
		t.Error("a refresh without descriptors went well")
	} else {
		w.says(err, "too many open files")
	}
	w.sayNothingFalse()
	if err := unix.Prlimit(w.Cmd.Process.Pid, unix.RLIMIT_NOFILE, &old, nil); err != nil {
		t.Fatal(err)
	}
	w.recovers()
	w.Holds(w.endOf(change, 1, 2))
	w.MustDo("refresh", target)
	w.Holds(2)
	w.cleanAfterRestart(2)
	world.Report(t, "EMFILE", "refresh", 1, "told; old revision, then the new one when there were descriptors")
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
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start(unix.SYS_CLONE, unix.SYS_CLONE3)
	w.AwaitService()
	var refused atomic.Int64
	w.Gate.Set(func(c gate.Call) gate.Outcome {
		if !c.By("pkgd") || !starts(c) {
			return gate.Through
		}
		refused.Add(1)
		return gate.Outcome{Errno: unix.ENOMEM}
	})
	h, err := w.Client.Check(w.Ctx(), api.HealthRequest{Names: []string{"web"}})
	if refused.Load() == 0 {
		t.Fatal("nothing was refused")
	}
	if w.says(err, "cannot allocate memory"); len(h.Packages) != 0 {
		t.Errorf("a hook that could not be started told %+v", h.Packages)
	}
	w.Gate.Set(gate.LetThrough)
	w.Holds(1)
	w.cleanAfterRestart(1)
	world.Report(t, "ENOMEM at fork", "check", 1, "told, no new record; the hook runs again when there is memory")
}

func TestHookWithoutMemoryIsTakenBack(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start()
	w.AwaitService()
	chg, err := w.Ask("refresh", w.Pack("42", "ulimit -v 1000; "+world.Well))
	if err != nil || chg.Status == "Done" {
		t.Fatalf("a revision whose hook has no memory was called good: %+v %v", chg, err)
	}
	w.Holds(1)
	w.cleanAfterRestart(1)
	world.Report(t, "ENOMEM in a hook", "refresh", 1, "taken back to the old revision")
}

func TestReadOnlyDiskIsToldAndPasses(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start()
	w.AwaitService()
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
