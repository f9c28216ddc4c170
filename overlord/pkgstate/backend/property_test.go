package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/disk"
)

// mutate does one thing to the data in dir. What cannot be done is not: names
// that clash are part of the game.
func mutate(t *rapid.T, dir string) {
	name := rapid.SampledFrom([]string{"a", "b", "c", "d/a", "d/b", "d/e/a", "d", "d/e", "f"})
	at, other := filepath.Join(dir, name.Draw(t, "name")), filepath.Join(dir, name.Draw(t, "other"))
	switch rapid.SampledFrom([]string{"write", "overwrite", "truncate", "mkdir", "remove", "rename", "link", "symlink", "chmod"}).Draw(t, "do") {
	case "write":
		os.WriteFile(at, rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "content"), 0o644)
	case "overwrite":
		if f, err := os.OpenFile(at, os.O_WRONLY, 0); err == nil {
			f.Write(rapid.SliceOfN(rapid.Byte(), 1, 1).Draw(t, "content"))
			f.Close()
		}
	case "truncate":
		os.Truncate(at, 10_000)
	case "mkdir":
		os.MkdirAll(at, 0o755)
	case "remove":
		os.RemoveAll(at)
	case "rename":
		os.Rename(at, other)
	case "link":
		os.Link(at, other)
	case "symlink":
		os.Symlink(other, at)
	case "chmod":
		os.Chmod(at, 0o700|os.FileMode(rapid.IntRange(0, 0o77).Draw(t, "mode")))
	}
}

func TestTwoPassesGiveTheSameWhateverHappensBetween(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHost(t)
		defer disk.RemoveTree(h.dirs.Root)
		must(t, h.EnsureData("web", 1, -1))
		src, dst := h.dirs.DataRevision("web", 1), h.dirs.DataRevision("web", 2)
		changes := rapid.IntRange(0, 12)
		for range changes.Draw(rt, "before") {
			mutate(rt, src)
		}
		h.copyData(t)
		for range rapid.IntRange(1, 3).Draw(rt, "second passes") { // more than one: a crash came after
			for range changes.Draw(rt, "between") {
				mutate(rt, src)
			}
			h.snapshotData(t)
			if diff := cmp.Diff(snapshot(t, src), snapshot(t, dst)); diff != "" {
				rt.Error(diff)
			}
		}
	})
}
