package faults

import (
	"path/filepath"
	"testing"

	"pkgd.io/pkgd/tests/blocks"
	"pkgd.io/pkgd/tests/world"
)

// site is a world whose root is on a disk of its own.
type site struct {
	*world.World
	disk *disk
}

func newSite(t *testing.T, kind string) *site {
	t.Helper()
	w := onDisk(t, newDisk(t, kind, world.Folder(t, "pf")))
	w.Write(w.Dirs.Config(), "health: {interval: 1h, settle: 300ms, bake: 0s}\nservices: embedded\n", 0o644)
	return w
}

// serving gives a site on ext4 with web, whose pkgd runs and calls the gate for these
// system calls.
func serving(t *testing.T, calls ...int) *site {
	t.Helper()
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.Installed()
	w.Start(calls...)
	w.AwaitService()
	return w
}

// again gives the site as it was when its disk was kept.
func (w *site) again(t *testing.T) *site {
	t.Helper()
	return onDisk(t, w.disk.again(t))
}

// recorded is again, with all that is written noted.
func (w *site) recorded(t *testing.T) (*site, *blocks.Recorder) {
	t.Helper()
	d, rec := w.disk.recorded(t)
	return onDisk(t, d), rec
}

func onDisk(t *testing.T, disk *disk) *site {
	t.Helper()
	return &site{world.New(t, bin, filepath.Join(disk.dir, "r"), filepath.Join(filepath.Dir(disk.dir), "p")), disk}
}
