package tests

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// condition knows [root]; [host]: the daemon is the host's own, a unit of its
// systemd; [mounts]: this user may mount file systems; and [sshd].
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "sshd":
		return haveSSH()
	case "mounts":
		return mayMount()
	case "host":
		return *ofHost, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

func mayMount() (bool, error) {
	dir, err := os.MkdirTemp("/tmp", "pm")
	if err != nil {
		return false, err
	}
	defer os.Remove(dir)
	if err := mountSmall(dir, "4k"); err != nil {
		return false, nil
	}
	return true, syscall.Unmount(dir, syscall.MNT_DETACH)
}

// smallDisk puts a file system of its own, of so many bytes, under a folder, for
// the length of the script.
func smallDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: small-disk DIR SIZE")
	}
	unmountOrphans()
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(mountSmall(dir, args[1]))
	ts.Defer(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// diskPrefix begins the name under which a test's file system is mounted; the pid
// of the test's process follows.
const diskPrefix = "pkgd-test-"

func mountSmall(dir, size string) error {
	return syscall.Mount(diskPrefix+strconv.Itoa(os.Getpid()), dir, "tmpfs", 0, "size="+size)
}

// unmountOrphans takes away the disks of tests that were killed before they could.
func unmountOrphans() {
	mounts, _ := os.ReadFile("/proc/self/mounts") // where there is none, nothing is mounted
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		pid, mine := strings.CutPrefix(fields[0], diskPrefix)
		n, err := strconv.Atoi(pid)
		if mine && err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH) // another test may be doing it
		}
	}
}
