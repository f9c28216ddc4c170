package blocks_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/blocks"
)

// three pieces, of which the first two were one write.
var three = blocks.Window{Writes: []blocks.Piece{
	{At: 0, Data: bytes.Repeat([]byte{1}, 2*blocks.Whole)},
	{At: 0, Data: bytes.Repeat([]byte{2}, 512)},
}}

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

func TestPartsAreAllThatMayBeLeftOfAWindow(t *testing.T) {
	parts := three.Parts(random(), 100)
	if len(parts) != 6 {
		t.Errorf("of three pieces there are %d parts that are neither none nor all, want 6", len(parts))
	}
	for _, part := range parts {
		for _, p := range part {
			if p.At%blocks.Whole+int64(len(p.Data)) > blocks.Whole {
				t.Errorf("%d bytes at %d are kept as one", len(p.Data), p.At)
			}
		}
	}
	if few := three.Parts(random(), 2); len(few) != 2 {
		t.Errorf("got %d parts, want 2", len(few))
	}
}

func TestOnePieceIsKeptOrNot(t *testing.T) {
	one := blocks.Window{Writes: []blocks.Piece{{At: 0, Data: make([]byte, 10)}}}
	if parts := one.Parts(random(), 10); len(parts) != 0 {
		t.Errorf("got %v", parts)
	}
}

func TestASeedChoosesTheSameParts(t *testing.T) {
	a, b := three.Parts(random(), 3), three.Parts(random(), 3)
	if len(a) != len(b) {
		t.Fatalf("got %d and %d parts", len(a), len(b))
	}
	for i := range a {
		if len(a[i]) != len(b[i]) || a[i][0].At != b[i][0].At {
			t.Errorf("part %d is %v, and then %v", i, a[i], b[i])
		}
	}
}

func TestRecorderNotesWritesAndFlushes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can record a disk")
	}
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if fd, err := unix.Open("/dev/fuse", unix.O_RDWR, 0); err != nil {
		t.Skipf("the kernel has no FUSE: %v", err)
	} else {
		unix.Close(fd)
	}
	windows := written(t, blocks.Record(t, image))
	if len(windows) != 2 || len(windows[0].Writes) != 1 || len(windows[1].Writes) != 1 {
		t.Fatalf("got %+v", windows)
	}
	if p := windows[1].Writes[0]; p.At != 4096 || string(p.Data) != "after" {
		t.Errorf("got %q at %d", p.Data, p.At)
	}
	if b, err := os.ReadFile(image); err != nil || string(b[4096:4101]) != "after" {
		t.Errorf("what was written is not in the image (%v)", err)
	}
}

// written writes a word, flushes twice and writes another.
func written(t *testing.T, rec *blocks.Recorder) []blocks.Window {
	t.Helper()
	f, err := os.OpenFile(rec.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, step := range []func() error{
		func() error { _, err := f.WriteAt([]byte("before"), 100); return err },
		f.Sync, f.Sync,
		func() error { _, err := f.WriteAt([]byte("after"), 4096); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if rec.Now() != 1 {
		t.Errorf("it is window %d, want 1", rec.Now())
	}
	return rec.Stop()
}
