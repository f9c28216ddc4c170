package backend_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/overlord/pkgstate/backend"
)

// sameData fails when the data of revision 2 are not those of revision 1.
func (h host) sameData(t testing.TB) {
	t.Helper()
	if diff := cmp.Diff(snapshot(t, h.dirs.DataRevision("web", 1)), snapshot(t, h.dirs.DataRevision("web", 2))); diff != "" {
		t.Error(diff)
	}
}

func (h host) copyData(t testing.TB) { t.Helper(); must(t, h.CopyData(t.Context(), "web", 1, 2)) }
func (h host) snapshotData(t testing.TB) {
	t.Helper()
	must(t, h.SnapshotData(t.Context(), "web", 1, 2))
}

// settled returns when a later change of what is at path has a later ctime than
// the kernel's clock can confuse with the present one.
func settled(t testing.TB, path string) {
	t.Helper()
	fi, err := os.Lstat(path)
	must(t, err)
	changed := time.Unix(fi.Sys().(*syscall.Stat_t).Ctim.Unix())
	<-time.After(time.Until(changed.Add(2 * backend.Race)))
}

func TestSnapshotCarriesEverythingAFileSystemHas(t *testing.T) {
	h := newHost(t)
	must(t, h.EnsureData("web", 1, -1))
	src := h.dirs.DataRevision("web", 1)
	write(t, filepath.Join(src, "plain"), "content", 0o640)
	write(t, filepath.Join(src, "secret"), "", 0o400)
	write(t, filepath.Join(src, "setgid"), "x", 0o755|os.ModeSetgid)
	write(t, filepath.Join(src, "deep/er/file"), "x", 0o644)
	write(t, filepath.Join(src, "closed/file"), "x", 0o444)
	must(t, os.Symlink("plain", filepath.Join(src, "link")))
	must(t, os.Symlink("/no/where", filepath.Join(src, "dangling")))
	must(t, os.Link(filepath.Join(src, "plain"), filepath.Join(src, "deep/same")))
	must(t, os.Mkdir(filepath.Join(src, "empty"), 0o711))
	must(t, os.Chtimes(filepath.Join(src, "plain"), time.Unix(1, 5), time.Unix(2, 7)))
	must(t, unix.Mkfifo(filepath.Join(src, "fifo"), 0o600))
	attributed := unix.Setxattr(filepath.Join(src, "plain"), "user.colour", []byte("blue"), 0) == nil
	must(t, os.Chmod(filepath.Join(src, "closed"), 0o555))
	must(t, os.Chmod(src, 0o750))

	h.copyData(t)
	h.snapshotData(t)
	h.sameData(t)
	value := make([]byte, 10)
	n, _ := unix.Getxattr(filepath.Join(h.dirs.DataRevision("web", 2), "deep/same"), "user.colour", value)
	if attributed && string(value[:max(n, 0)]) != "blue" {
		t.Error("the extended attribute is not there")
	}
	if _, err := os.Lstat(filepath.Join(h.dirs.DataRevision("web", 2), "fifo")); !os.IsNotExist(err) {
		t.Errorf("the fifo is there too: %v", err)
	}
	for range 2 { // closed folders and all
		h.snapshotData(t)
		h.sameData(t)
	}
}

func TestHolesStayHoles(t *testing.T) {
	h := newHost(t)
	must(t, h.EnsureData("web", 1, -1))
	src, dst := filepath.Join(h.dirs.DataRevision("web", 1), "db"), filepath.Join(h.dirs.DataRevision("web", 2), "db")
	f, err := os.Create(src)
	must(t, err)
	for _, at := range []int64{0, 5 << 20, 11 << 20} {
		_, err := f.WriteAt([]byte("island"), at)
		must(t, err)
	}
	must(t, f.Truncate(16<<20))
	must(t, f.Close())
	h.copyData(t)
	h.sameData(t)
	fi, err := os.Stat(dst)
	must(t, err)
	if blocks := fi.Sys().(*syscall.Stat_t).Blocks; blocks > 2048 {
		t.Errorf("16 MiB with three islands take %d blocks", blocks)
	}
}

func TestSecondPassCopiesOnlyWhatChanged(t *testing.T) {
	h := newHost(t)
	must(t, h.EnsureData("web", 1, -1))
	src, dst := h.dirs.DataRevision("web", 1), h.dirs.DataRevision("web", 2)
	for _, name := range []string{"kept", "changed", "chmodded", "replaced", "vanished", "folder/vanished"} {
		write(t, filepath.Join(src, name), "same size", 0o644)
	}
	settled(t, filepath.Join(src, "folder/vanished"))
	h.copyData(t)
	for _, name := range below(t, dst) { // so that a copy that was kept is known again
		if name != "folder" {
			write(t, filepath.Join(dst, name), "first one", 0o644)
		}
	}

	write(t, filepath.Join(src, "changed"), "same zise", 0o644)
	must(t, os.Chmod(filepath.Join(src, "chmodded"), 0o600))
	write(t, filepath.Join(src, "new"), "same size", 0o644)
	must(t, os.Rename(filepath.Join(src, "new"), filepath.Join(src, "replaced")))
	must(t, os.Remove(filepath.Join(src, "vanished")))
	must(t, os.RemoveAll(filepath.Join(src, "folder")))
	h.snapshotData(t)

	got := map[string]string{}
	for _, name := range below(t, dst) {
		b, err := os.ReadFile(filepath.Join(dst, name))
		must(t, err)
		got[name] = string(b)
	}
	want := map[string]string{"kept": "first one", "changed": "same zise", "chmodded": "same size", "replaced": "same size"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStampIsOnlyTrustedWhenTheClockHadMovedOn(t *testing.T) {
	const second, ms = int64(time.Second), int64(time.Millisecond)
	at := 1000*second + 500*ms
	for _, test := range []struct {
		what                         string
		ctime, taken                 int64
		nowIno                       uint64
		nowSize, nowCtime, wantEqual int64
	}{
		{"long before the stamp", at, at + 11*ms, 7, 5, at, 1},
		{"within 10 ms of the stamp", at, at + 10*ms, 7, 5, at, 0},
		{"in the future, a little", at, at - 10*ms, 7, 5, at, 0},
		{"in the future, by a jump of the clock", at, at - 3600*second, 7, 5, at, 1},
		{"another ctime", at, at + second, 7, 5, at + 1, 0},
		{"an older ctime", at, at + second, 7, 5, at - 1, 0},
		{"another inode", at, at + second, 8, 5, at, 0},
		{"another size", at, at + second, 7, 6, at, 0},
		{"whole seconds, near", 1000 * second, 1001 * second, 7, 5, 1000 * second, 0},
		{"whole seconds, long ago", 1000 * second, 1003 * second, 7, 5, 1000 * second, 1},
	} {
		if got := backend.Same(7, 5, test.ctime, test.taken, test.nowIno, test.nowSize, test.nowCtime); got != (test.wantEqual == 1) {
			t.Errorf("%s: same is %v", test.what, got)
		}
	}
}

func TestWritersDuringTheFirstPassLoseNothing(t *testing.T) {
	h := newHost(t)
	must(t, h.EnsureData("web", 1, -1))
	src := h.dirs.DataRevision("web", 1)
	for i := range 300 {
		write(t, filepath.Join(src, fmt.Sprintf("d%d/f%d", i%7, i)), strings.Repeat("x", i), 0o644)
	}
	for round := range 5 {
		stop, writers := make(chan struct{}), sync.WaitGroup{}
		for w := range 2 {
			writers.Go(func() { scribble(src, rand.New(rand.NewPCG(uint64(round), uint64(w))), stop) })
		}
		err := h.CopyData(t.Context(), "web", 1, 2)
		close(stop)
		writers.Wait()
		must(t, err)
		h.snapshotData(t)
		h.sameData(t)
		must(t, h.DropData("web", 2))
	}
}

// scribble does what services do to their data, without a pause, and ignores
// what fails because another writer was there first.
func scribble(dir string, r *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		name := filepath.Join(dir, fmt.Sprintf("d%d/f%d", r.IntN(8), r.IntN(300)))
		other := filepath.Join(dir, fmt.Sprintf("d%d/g%d", r.IntN(8), r.IntN(20)))
		switch r.IntN(9) {
		case 0:
			os.Remove(name)
		case 1:
			os.Rename(name, other)
		case 2:
			os.Link(name, other)
		case 3:
			os.Symlink("elsewhere", other)
		case 4:
			os.Mkdir(filepath.Dir(other), 0o755)
			os.MkdirAll(filepath.Join(filepath.Dir(other), "sub"), 0o755)
		case 5:
			os.RemoveAll(filepath.Join(filepath.Dir(other), "sub"))
		default: // in place, same size, again and again
			if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
				fmt.Fprint(f, r.Uint32())
				f.Close()
			}
		}
	}
}

func TestPassesRunAgainAfterACrashGiveTheSame(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	must(t, h.HalfCopy(t.Context(), "web", 1, 2))
	write(t, filepath.Join(h.dirs.DataRevision("web", 2), "half"), "left by a crash", 0o644)
	h.copyData(t)
	h.sameData(t)
	write(t, filepath.Join(h.dirs.DataRevision("web", 1), "file"), "changed", 0o644)
	for range 3 {
		h.snapshotData(t)
		h.sameData(t)
	}
}

func TestSnapshotWithoutAFirstPassCopiesAll(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	h.snapshotData(t)
	h.sameData(t)
}

func TestSnapshotDistrustsWhatItCannotRead(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	h.copyData(t)
	write(t, filepath.Join(h.dirs.DataRevision("web", 2), "file"), "CONTENT", 0o640)
	write(t, filepath.Join(h.dirs.Data("web"), ".copy-2.stamps"), "no stamps", 0o600)
	h.snapshotData(t)
	h.sameData(t)
}

func TestCopyDataNeverOverwritesData(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "one")
	h.withData(t, 2, "two")
	for _, pass := range []func(context.Context, string, int, int) error{h.CopyData, h.SnapshotData} {
		if err := pass(t.Context(), "web", 1, 2); err == nil || !strings.Contains(err.Error(), "data of its own") {
			t.Errorf("got %v", err)
		}
	}
	must(t, h.DropData("web", 2))
	h.copyData(t)
	h.snapshotData(t)
	write(t, filepath.Join(h.dirs.DataRevision("web", 2), "file"), "written by revision 2", 0o640)
	if err := h.CopyData(t.Context(), "web", 1, 2); err == nil {
		t.Error("data that revision 2 has worked with were overwritten")
	}
	if got := h.data(t, 2); got != "written by revision 2" {
		t.Errorf("data are %q", got)
	}
}

func TestCopyDataStoppedLeavesNothing(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	before := below(t, h.dirs.Data("web"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopping")
	cancel(cause)
	if err := h.CopyData(ctx, "web", 1, 2); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, below(t, h.dirs.Data("web"))); diff != "" {
		t.Error(diff)
	}
}

func TestDropDataRunAgainIsNoError(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	h.copyData(t)
	for range 2 {
		must(t, h.DropData("web", 2))
		must(t, h.DropData("web", 1))
		must(t, h.DropCommon("web"))
	}
	if left := below(t, filepath.Dir(h.dirs.Data("web"))); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestACopyOfOneRevisionToItselfIsNothing(t *testing.T) {
	h := newHost(t)
	h.withData(t, 0, "shared")
	must(t, h.CopyData(t.Context(), "web", 0, 0))
	must(t, h.SnapshotData(t.Context(), "web", 0, 0))
	if got := h.data(t, 0); got != "shared" {
		t.Errorf("data are %q", got)
	}
}

// noSpace fails unless err says that the disk is full, and what to do.
func noSpace(t *testing.T, err error) {
	t.Helper()
	space, is := errors.AsType[*backend.SpaceError](err)
	if !is || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room and try again") {
		t.Fatalf("got %v", err)
	}
	if space.Path == "" {
		t.Errorf("%+v does not say where", space)
	}
}

func TestAFullDiskIsSaidBeforeItIsFull(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Lib(), "size=1m")
	h.withData(t, 1, strings.Repeat("x", 700<<10))
	before := below(t, h.dirs.Lib())
	err := h.CopyData(t.Context(), "web", 1, 2)
	noSpace(t, err)
	if space, _ := errors.AsType[*backend.SpaceError](err); space.Need < 700<<10 || space.Free <= 0 {
		t.Errorf("got %+v", space)
	}
	if diff := cmp.Diff(before, below(t, h.dirs.Lib())); diff != "" {
		t.Error(diff)
	}
	noSpace(t, h.CheckSpace(1<<20))
	must(t, h.CheckSpace(1<<10))
}

func TestADiskThatFillsDuringTheCopyLosesNothing(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Lib(), "size=10m,nr_inodes=60")
	for i := range 30 {
		write(t, filepath.Join(h.dirs.DataRevision("web", 1), fmt.Sprint(i)), "x", 0o644)
	}
	before := snapshot(t, h.dirs.DataRevision("web", 1))
	noSpace(t, h.CopyData(t.Context(), "web", 1, 2))
	noSpace(t, h.SnapshotData(t.Context(), "web", 1, 2))
	must(t, h.DropData("web", 2))
	if diff := cmp.Diff(before, snapshot(t, h.dirs.DataRevision("web", 1))); diff != "" {
		t.Error(diff)
	}
	if left := below(t, h.dirs.Data("web")); len(left) != 31 {
		t.Errorf("left behind: %v", left)
	}
}

// fillUp leaves no room on the disk of dir.
func fillUp(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	_, err = f.Write(make([]byte, 2<<20))
	noSpaceLeft := errors.Is(err, syscall.ENOSPC)
	must(t, f.Close())
	if !noSpaceLeft {
		t.Fatalf("the disk is not full: %v", err)
	}
}

func TestSetAsideThatWasPreparedNeedsNoRoom(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Lib(), "size=1m")
	h.withData(t, 1, "good")
	h.withData(t, 2, "bad")
	prepared, err := h.PrepareAside("web", 2, "2.0")
	must(t, err)
	if again, err := h.PrepareAside("web", 2, "2.0"); again != prepared || err != nil || h.HasAside(prepared) {
		t.Errorf("prepared as %q and again as %q: %v", prepared, again, err)
	}
	fillUp(t, h.dirs.Lib())
	id, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	if id != prepared || !h.HasAside(id) {
		t.Errorf("prepared as %q, set aside as %q", prepared, id)
	}
	must(t, h.UnprepareAside("web"))
	items, err := h.Aside("web")
	must(t, err)
	if len(items) != 1 || items[0].ID != id || items[0].Version != "2.0" {
		t.Errorf("set aside as %q: %+v", id, items)
	}
	if h.data(t, 1) != "good" || h.data(t, 2) != "" {
		t.Error("the wrong data were set aside")
	}
}

func TestUnprepareAsideLeavesNothing(t *testing.T) {
	h := newHost(t)
	h.withData(t, 2, "good after all")
	_, err := h.PrepareAside("web", 2, "2.0")
	must(t, err)
	must(t, h.UnprepareAside("web"))
	must(t, h.UnprepareAside("web"))
	if left := below(t, h.dirs.RevertedData()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if h.data(t, 2) != "good after all" {
		t.Error("the data went too")
	}
}

func TestSetAsideAndDropWorkOnAFullDisk(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Lib(), "size=1m")
	h.withData(t, 1, "good")
	h.withData(t, 2, "bad")
	fillUp(t, h.dirs.Lib())
	_, err := h.SetAside(t.Context(), "web", 2, "2.0")
	noSpace(t, err)
	if h.data(t, 1) != "good" || h.data(t, 2) != "bad" {
		t.Error("data are lost")
	}
	must(t, h.DropData("web", 2))
	if h.data(t, 1) != "good" || h.data(t, 2) != "" {
		t.Error("the wrong data went")
	}
}

func TestStagingOnAFullDiskLeavesNothing(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Cache(), "size=1m")
	src := source(t, "1.0")
	write(t, filepath.Join(src, "large"), strings.Repeat("x", 3<<20), 0o644)
	_, err := h.Stage(t.Context(), src, "change-1")
	noSpace(t, err)
	file := filepath.Join(disktest.Dir(t), "web.pkg")
	pack(t, src, file)
	_, err = h.Stage(t.Context(), file, "change-1")
	noSpace(t, err)
	must(t, os.Remove(filepath.Join(src, "large")))
	for i := range 40 { // none of them is large enough to be asked for by itself
		write(t, filepath.Join(src, fmt.Sprint("small", i)), strings.Repeat("x", 60<<10), 0o644)
	}
	pack(t, src, file)
	for _, from := range []string{src, file} {
		_, err = h.Stage(t.Context(), from, "change-1")
		noSpace(t, err)
	}
	if left := below(t, h.dirs.Staging()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
