// Package disktest gives tests the disks and users that they need: a folder
// that goes away however read-only it became, a disk that is soon full, and a
// process that is not root. Its rule: what it makes it takes away again, and
// what it cannot make here skips the test with the reason.
package disktest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/disk"
)

// nobody is the uid and gid that own nothing.
const nobody = 65534

// Dir is a new folder with a short path.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.RemoveTree(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Small mounts a disk of its own on dir, with mount's options ("size=1m").
func Small(t testing.TB, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("pkgd-test", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a small disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// Unprivileged runs the package's tests that match pattern once more, as a user
// who is not root.
func Unprivileged(t *testing.T, pattern string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this is not root, so all tests here ran unprivileged already")
	}
	dir := Dir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "t")
	copyProgram(t, program)
	cmd := exec.Command(program, "-test.run="+pattern, "-test.v=true")
	cmd.Dir, cmd.Env = dir, []string{"HOME=/tmp", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("as a user who is not root: %v\n%s", err, out)
	}
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, fs.FileMode(0o755)); err != nil {
		t.Fatal(err)
	}
}
