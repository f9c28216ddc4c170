package backend_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/disk/disktest"
)

// thousand makes 1,000 files of 10 KiB in the data of revision 1.
func thousand(b *testing.B) host {
	h := hostAt(b, disktest.Dir(b))
	must(b, h.EnsureData("web", 1, -1))
	for i := range 1000 {
		write(b, filepath.Join(h.dirs.DataRevision("web", 1), fmt.Sprintf("d%d/f%d", i%10, i)), strings.Repeat("x", 10<<10), 0o644)
	}
	settled(b, filepath.Join(h.dirs.DataRevision("web", 1), "d9/f999"))
	return h
}

// BenchmarkCopyData is the first pass, beside running services.
func BenchmarkCopyData(b *testing.B) {
	h := thousand(b)
	for b.Loop() {
		must(b, h.CopyData(b.Context(), "web", 1, 2))
		b.StopTimer()
		must(b, h.DropData("web", 2))
		b.StartTimer()
	}
}

// BenchmarkSnapshotData is the second pass, which is downtime, when ten files
// have changed.
func BenchmarkSnapshotData(b *testing.B) {
	h := thousand(b)
	must(b, h.CopyData(b.Context(), "web", 1, 2))
	for i := range 10 {
		write(b, filepath.Join(h.dirs.DataRevision("web", 1), fmt.Sprintf("d%d/f%d", i, i)), strings.Repeat("y", 10<<10), 0o644)
	}
	for b.Loop() {
		must(b, h.SnapshotData(b.Context(), "web", 1, 2))
	}
}
