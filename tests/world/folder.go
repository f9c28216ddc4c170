package world

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/daemontest"
)

// Folder gives a test a folder whose path is short, because a socket's has at
// most 107 bytes. To root it is one in memory: what ends here is the daemon and
// what a test makes of a disk, never this machine, and so nobody waits for its
// own disk.
func Folder(t testing.TB, prefix string) string {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", prefix)
	if err != nil {
		t.Fatal(err)
	}
	// Where a container forbids the mount, the folder is as good, and slower.
	_ = unix.Mount("pkgd-tests", top, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size=2g")
	t.Cleanup(func() {
		daemontest.RemoveAll(top) // even if a mount namespace of somebody's keeps it
		_ = unix.Unmount(top, unix.MNT_DETACH)
		_ = os.Remove(top)
	})
	return top
}
