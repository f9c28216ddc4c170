package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"pkgd.io/pkgd/internal/cli"
)

// TestMain lets the test binary be pkgd where it is called by that name, so that
// shells and the demo can run it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pkgd" {
		os.Exit(cli.Run(os.Args[1:], cli.System()))
	}
	os.Exit(m.Run())
}

// pkgdProgram is a program called pkgd.
func pkgdProgram(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(shortDir(t), "pkgd")
	if err := os.Symlink(exe, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// shortDir is a folder whose sockets have paths that the kernel takes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
