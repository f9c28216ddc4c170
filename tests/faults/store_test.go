package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/daemontest"
	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

// damages are what happens to state.db while pkgd is away. Each gives what is
// in the file from then on.
var damages = map[string]func([]byte) []byte{
	"emptied":                    func(b []byte) []byte { return nil },
	"cut to a page":              func(b []byte) []byte { return b[:4096] },
	"cut inside of what is used": func(b []byte) []byte { return b[:3*4096] },
	"zeroed at the start":        func(b []byte) []byte { return append(make([]byte, 8192), b[8192:]...) },
	"both headers flipped":       func(b []byte) []byte { b[24]++; b[4096+24]++; return b },
	"replaced by something else": func([]byte) []byte { return []byte("not a database\n") },
}

// withCopy gives a host with web, whose running pkgd has kept its copy of the state.
func withCopy(t *testing.T) *site {
	t.Helper()
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start()
	world.Eventually(t, "copy of the state", func() bool {
		_, err := os.Stat(w.Dirs.StateBackup())
		return err == nil
	})
	return w
}

func TestDamagedStateIsRefusedAndRecovered(t *testing.T) {
	w := withCopy(t)
	w.Holds(1)
	w.Stop()
	good, backup := w.copyOf(w.Dirs.State()), w.copyOf(w.Dirs.StateBackup())
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w := onDisk(t, w.disk)
			bad := damage(append([]byte{}, good...))
			w.Write(w.Dirs.State(), string(bad), 0o600)
			w.Write(w.Dirs.StateBackup(), string(backup), 0o600)
			w.refusesToStart(bad)
			w.recover()
			w.Start()
			w.Holds(1)
			w.Stop()
			world.Report(t, "state.db "+name, "at rest", 1, "refused to start, moved nothing; as before after pkgd debug recover")
		})
	}
}

// refusesToStart checks that pkgd says what is wrong, and touches nothing.
func (w *site) refusesToStart(bad []byte) {
	w.Helper()
	if err := w.TryStart(); err == nil {
		w.Fatal("pkgd started on a damaged state")
	}
	w.Died()
	w.says(fmt.Errorf("%s", w.Said), "state.db", "damaged", "pkgd debug recover")
	if string(w.copyOf(w.Dirs.State())) != string(bad) {
		w.Error("the damaged file was changed")
	}
}

func (w *site) recover() {
	w.Helper()
	out, err := exec.Command(filepath.Join(bin, "pkgd"), "debug", "recover", "--root", w.Dirs.Root).CombinedOutput()
	if err != nil {
		w.Fatalf("cannot recover: %v\n%s", err, out)
	}
	kept, _ := filepath.Glob(w.Dirs.State() + ".broken-*")
	if len(kept) == 0 {
		w.Error("the damaged file was not kept")
	}
}

func TestStateFlippedByAByteIsRefusedOrHolds(t *testing.T) {
	w := withCopy(t)
	w.Kill() // an unclean stop: the next start checks all of the file
	good, backup := w.copyOf(w.Dirs.State()), w.copyOf(w.Dirs.StateBackup())
	refused, held := 0, 0
	var lost []int
	for at := 8; at < len(good) && at < 64<<10; at += 509 {
		if good[at] == 0 && good[at-1] == 0 { // room that holds nothing
			continue
		}
		bad := append([]byte{}, good...)
		bad[at] ^= 0x55
		w.Said = &daemontest.Log{}
		w.Write(w.Dirs.State(), string(bad), 0o600)
		w.Write(w.Dirs.StateBackup(), string(backup), 0o600)
		if err := w.TryStart(); err == nil {
			if info, err := w.Client.Package(w.Ctx(), "web"); err != nil || info.Revision != 1 {
				lost = append(lost, at)
			}
			held++
			w.Kill()
			continue
		}
		w.Died()
		w.says(fmt.Errorf("%s", w.Said), "error: cannot start pkgd")
		w.Kill()
		w.recover()
		w.Start()
		w.Holds(1)
		w.Kill()
		refused++
	}
	if len(lost) > 0 {
		t.Errorf("started without what it had, and said nothing, after flips at %v", lost)
	}
	world.Report(t, "state.db flipped by a byte", "after an unclean stop", refused+held,
		fmt.Sprintf("refused and recovered %d times, started with every package it had %d times", refused, held))
}

func TestStateDamagedInTheMiddleOfARefreshIsRecovered(t *testing.T) {
	w := withCopy(t)
	w.Holds(1)
	w.Stop()
	w.disk.unmount()
	w.disk.keep()
	ends := map[int]int{}
	deaths := 0
	for died := true; died && !t.Failed(); deaths++ {
		t.Run(fmt.Sprint("commit ", deaths+1), func(t *testing.T) {
			w := w.again(t)
			if died = w.diesRefreshing(deaths + 1); !died {
				return
			}
			bad := damages["cut inside of what is used"](w.copyOf(w.Dirs.State()))
			w.Write(w.Dirs.State(), string(bad), 0o600)
			w.Said = &daemontest.Log{}
			w.refusesToStart(bad)
			w.recover()
			w.Start()
			w.Settle("")
			info, err := w.Client.Package(w.Ctx(), "web")
			if err != nil {
				t.Fatal(err)
			}
			w.Holds(info.Revision)
			w.MustDo("refresh", w.Pack("43", world.Well))
			w.Stop()
			ends[info.Revision]++
		})
	}
	world.Report(t, "state.db cut inside of what is used", "after a death at each flush of the state in a refresh", deaths-1,
		fmt.Sprintf("refused to start; after pkgd debug recover the old revision %d times, the new one %d times, and refreshed again", ends[1], ends[2]))
}

// diesRefreshing refreshes and kills the daemon at the nth flush of its state;
// it tells whether there was one.
func (w *site) diesRefreshing(n int) (died bool) {
	w.Helper()
	w.Start(unix.SYS_FDATASYNC, unix.SYS_FSYNC)
	w.AwaitService()
	var killed atomic.Bool
	w.Gate.Set(func(c gate.Call) gate.Outcome {
		if c.Path(0) != w.Dirs.State() {
			return gate.Through
		}
		if n--; n == 0 {
			killed.Store(true)
			c.Kill()
		}
		return gate.Through
	})
	_, _ = w.Ask("refresh", w.Pack("42", world.Well))
	if died = killed.Load(); !died {
		w.Gate.Set(gate.LetThrough)
		w.Stop()
		return false
	}
	w.Kill()
	return true
}
