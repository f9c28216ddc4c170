package faults

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/tests/blocks"
	"pkgd.io/pkgd/tests/world"
)

// disk is a small file system of its own, mounted at dir.
type disk struct {
	t     *testing.T
	kind  string // tmpfs, ext4, xfs or btrfs
	image string // file behind it; none for tmpfs
	kept  string // copy of image, to which again goes back
	dir   string
}

// imageSize is the least that mkfs.xfs takes; images are sparse.
const imageSize = "320M"

func newDisk(t *testing.T, kind, top string) *disk {
	t.Helper()
	d := &disk{t: t, kind: kind, dir: filepath.Join(top, "m"), image: filepath.Join(top, "image")}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.drop)
	if kind == "tmpfs" {
		d.command("mount", "-t", "tmpfs", "-o", "size=24M", "pkgd-faults", d.dir)
		return d
	}
	d.command("truncate", "-s", imageSize, d.image)
	d.command("mkfs."+kind, "-q", d.image)
	d.mount()
	return d
}

func (d *disk) command(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (d *disk) mount() {
	d.t.Helper()
	options := "loop"
	switch d.kind {
	case "ext4":
		options += ",errors=remount-ro"
	case "xfs":
		options += ",nouuid" // the same one may live on in somebody's mount namespace
	}
	d.command("mount", "-o", options, d.image, d.dir)
}

// keep makes a copy of the image, to which again goes back.
func (d *disk) keep() {
	d.t.Helper()
	d.kept = d.image + ".kept"
	d.command("cp", "--sparse=always", d.image, d.kept)
}

func (d *disk) again(t *testing.T) *disk {
	t.Helper()
	n := d.copied(t)
	n.mount()
	return n
}

// recorded is again, with all that is written from now on noted.
func (d *disk) recorded(t *testing.T) (*disk, *blocks.Recorder) {
	t.Helper()
	n := d.copied(t)
	rec := blocks.Record(t, n.image)
	n.image = rec.Path
	n.mount()
	return n, rec
}

// copied has a copy of what was kept, which is not mounted yet.
func (d *disk) copied(t *testing.T) *disk {
	t.Helper()
	n := &disk{t: t, kind: d.kind, image: d.kept, dir: d.dir}
	n.copy()
	image := n.image
	t.Cleanup(func() {
		n.drop()
		os.Remove(image)
	})
	return n
}

// copy goes over to a copy of the image under a name of its own: a mount
// namespace that somebody made meanwhile may keep the old one alive.
func (d *disk) copy() {
	d.t.Helper()
	f, err := os.CreateTemp(filepath.Dir(d.image), "image-")
	if err != nil {
		d.t.Fatal(err)
	}
	f.Close()
	d.command("cp", "--sparse=always", d.image, f.Name())
	d.image = f.Name()
}

// replug is a host that comes up again after a power cut.
func (d *disk) replug() {
	d.t.Helper()
	d.unmount()
	old := d.image
	d.copy()
	d.mount()
	os.Remove(old)
}

// unmount takes the disk away. A process that is just being started may hold
// a descriptor of its parent's until it runs, so that a busy disk is tried again.
func (d *disk) unmount() {
	d.t.Helper()
	err := syscall.Unmount(d.dir, 0)
	if errors.Is(err, syscall.EBUSY) {
		world.Eventually(d.t, "unmount", func() bool {
			err = syscall.Unmount(d.dir, 0)
			return !errors.Is(err, syscall.EBUSY)
		})
	}
	if err != nil {
		d.t.Fatalf("cannot unmount: %v", err)
	}
}

// drop takes the disk away at a test's end, from those too who still hold it.
func (d *disk) drop() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) }

// fail has the kernel find an error on the disk, upon which it lets nobody write
// to it any more.
func (d *disk) fail() {
	d.t.Helper()
	out, err := exec.Command("findmnt", "-n", "-o", "SOURCE", d.dir).Output()
	if err != nil {
		d.t.Fatalf("cannot find the disk's device: %v", err)
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(out))), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1"), 0o200); err != nil {
		d.t.Skipf("the kernel cannot be told of a failing disk: %v", err)
	}
}

// fill leaves no free byte; give deletes what it took.
func (d *disk) fill() (give func()) {
	d.t.Helper()
	path := filepath.Join(d.dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
	}
	return func() { os.Remove(path) }
}
