package disk_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/disk"
	"pkgd.io/pkgd/internal/disk/disktest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeText(path, text string) error {
	return disk.WriteFile(path, 0o640, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestWriteFileReplacesWholeOrNotAtAll(t *testing.T) {
	dir := disktest.Dir(t)
	path := filepath.Join(dir, "file")
	must(t, writeText(path, "one"))
	failed := errors.New("failed")
	err := disk.WriteFile(path, 0o640, func(w io.Writer) error {
		fmt.Fprint(w, "half")
		return failed
	})
	b, readErr := os.ReadFile(path)
	must(t, readErr)
	if !errors.Is(err, failed) || string(b) != "one" || len(names(t, dir)) != 1 {
		t.Errorf("after %v the file is %q, beside it %v", err, b, names(t, dir))
	}
	must(t, writeText(path, "two"))
	fi, err := os.Stat(path)
	must(t, err)
	if b, _ := os.ReadFile(path); string(b) != "two" || fi.Mode().Perm() != 0o640 {
		t.Errorf("the file is %q with mode %v", b, fi.Mode())
	}
}

func TestSymlinkReplaces(t *testing.T) {
	dir := disktest.Dir(t)
	for _, target := range []string{"1", "2"} {
		must(t, disk.Symlink(target, filepath.Join(dir, "current")))
		if got, err := os.Readlink(filepath.Join(dir, "current")); err != nil || got != target {
			t.Errorf("leads to %q, %v", got, err)
		}
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadOnlyTreesMoveAndGo(t *testing.T) {
	dir := disktest.Dir(t)
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "other"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a/b/file"), nil, 0o400))
	for _, folder := range []string{"a/b/c", "a/b", "a"} {
		must(t, os.Chmod(filepath.Join(dir, folder), 0o555))
	}
	must(t, disk.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "other/a")))
	fi, err := os.Stat(filepath.Join(dir, "other/a"))
	must(t, err)
	if fi.Mode().Perm() != 0o555 {
		t.Errorf("mode is %v", fi.Mode())
	}
	for range 2 {
		must(t, disk.Discard(filepath.Join(dir, "other/a")))
	}
	if left := names(t, filepath.Join(dir, "other")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRemoveTempsLeavesTheRest(t *testing.T) {
	dir := disktest.Dir(t)
	for _, name := range []string{disk.TempPrefix + "x/y", "kept/y"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	must(t, disk.RemoveTemps(dir))
	must(t, disk.RemoveTemps(filepath.Join(dir, "not-there")))
	if left := names(t, dir); len(left) != 1 || left[0] != "kept" {
		t.Errorf("left: %v", left)
	}
}

func TestAFullDiskIsToldAsSuch(t *testing.T) {
	dir := filepath.Join(disktest.Dir(t), "small")
	disktest.Small(t, dir, "size=64k,nr_inodes=6")
	err := writeText(filepath.Join(dir, "file"), strings.Repeat("x", 100<<10))
	space, is := errors.AsType[*disk.SpaceError](err)
	if !is || space.Path != dir || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := disk.CheckSpace(dir, 1<<20); err == nil || !strings.HasPrefix(err.Error(), "too little space on the disk of "+dir+": 1.0 MiB needed, ") {
		t.Errorf("got %v", err)
	}
	must(t, disk.CheckSpace(dir, 1<<10))
}

func TestDiscardWorksWithoutRoomForAnything(t *testing.T) {
	dir := filepath.Join(disktest.Dir(t), "small")
	disktest.Small(t, dir, "size=64k,nr_inodes=4")
	must(t, os.MkdirAll(filepath.Join(dir, "a/b/c"), 0o755))
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("there is room: %v", err)
	}
	must(t, disk.Discard(filepath.Join(dir, "a")))
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAllOfItWorksUnprivileged(t *testing.T) {
	disktest.Unprivileged(t, "Test[^A]")
}
