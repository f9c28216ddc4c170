package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"pkgd.io/pkgd/internal/cli"
)

// TestMain lets the test binary be pkgd where it is called by that name, so that
// shells and the demo can run it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pkgd" {
		os.Exit(cli.Run(os.Args[1:], cli.System()))
	}
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programFolder = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// programFolder is where pkgd and ctl stand beside each other, set by TestMain
// and filled when a test first wants them.
var programFolder string

var buildPrograms = sync.OnceValue(func() error {
	out, err := exec.Command("go", "build", "-o", programFolder, "pkgd.io/pkgd/cmd/pkgd", "pkgd.io/pkgd/cmd/ctl").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return os.Chmod(programFolder, 0o755) // other users run them too
})

// programs gives the path of a pkgd that has its ctl beside it.
func programs(t *testing.T) string {
	t.Helper()
	if err := buildPrograms(); err != nil {
		t.Fatalf("cannot build the programs: %v", err)
	}
	return filepath.Join(programFolder, "pkgd")
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
