package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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

func TestDamagedStateIsRefusedAndRecovered(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newWorld(t, "ext4")
	w.installed()
	w.start() // keeps the copy of what was installed
	eventually(t, "copy of the state", func() bool {
		_, err := os.Stat(w.dirs.StateBackup())
		return err == nil
	})
	w.holds(1)
	w.stop()
	good, backup := w.copyOf(w.dirs.State()), w.copyOf(w.dirs.StateBackup())
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, disk: w.disk, dirs: w.dirs, pkgs: w.pkgs, c: w.c}
			t.Cleanup(w.kill)
			bad := damage(append([]byte{}, good...))
			w.write(w.dirs.State(), string(bad), 0o600)
			w.write(w.dirs.StateBackup(), string(backup), 0o600)
			w.refusesToStart(bad)
			w.recover()
			w.start()
			w.holds(1)
			w.stop()
			report(t, "state.db "+name, "at rest", 1, "refused to start, moved nothing; as before after pkgd debug recover")
		})
	}
}

// refusesToStart checks that pkgd says what is wrong, and touches nothing.
func (w *world) refusesToStart(bad []byte) {
	w.t.Helper()
	if err := w.tryStart(); err == nil {
		w.t.Fatal("pkgd started on a damaged state")
	}
	<-w.end
	w.cmd = nil
	w.says(fmt.Errorf("%s", w.log.String()), "state.db", "damaged", "pkgd debug recover")
	if string(w.copyOf(w.dirs.State())) != string(bad) {
		w.t.Error("the damaged file was changed")
	}
}

func (w *world) recover() {
	w.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "pkgd"), "debug", "recover", "--root", w.dirs.Root).CombinedOutput()
	if err != nil {
		w.t.Fatalf("cannot recover: %v\n%s", err, out)
	}
	kept, _ := filepath.Glob(w.dirs.State() + ".broken-*")
	if len(kept) == 0 {
		w.t.Error("the damaged file was not kept")
	}
}

func TestStateFlippedByAByteIsRefusedOrHolds(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newWorld(t, "ext4")
	w.installed()
	w.start()
	eventually(t, "copy of the state", func() bool {
		_, err := os.Stat(w.dirs.StateBackup())
		return err == nil
	})
	w.kill() // an unclean stop: the next start checks all of the file
	good, backup := w.copyOf(w.dirs.State()), w.copyOf(w.dirs.StateBackup())
	refused, held := 0, 0
	var lost []int
	for at := 8; at < len(good) && at < 64<<10; at += 509 {
		if good[at] == 0 && good[at-1] == 0 { // room that holds nothing
			continue
		}
		bad := append([]byte{}, good...)
		bad[at] ^= 0x55
		w.log = journal{}
		w.write(w.dirs.State(), string(bad), 0o600)
		w.write(w.dirs.StateBackup(), string(backup), 0o600)
		if err := w.tryStart(); err == nil {
			if info, err := w.c.Package(w.ctx(), "web"); err != nil || info.Revision != 1 {
				lost = append(lost, at)
			}
			held++
			w.kill()
			continue
		}
		<-w.end
		w.cmd = nil
		w.says(fmt.Errorf("%s", w.log.String()), "error: cannot start pkgd")
		w.kill()
		w.recover()
		w.start()
		w.holds(1)
		w.kill()
		refused++
	}
	if len(lost) > 0 {
		t.Errorf("started without what it had, and said nothing, after flips at %v", lost)
	}
	report(t, "state.db flipped by a byte", "after an unclean stop", refused+held,
		fmt.Sprintf("refused and recovered %d times, started with every package it had %d times", refused, held))
}
