package daemontest

import (
	"fmt"
	"os"

	"pkgd.io/pkgd/internal/needs"
)

// Programs builds pkgd and ctl into a folder that all users may go into, gives it
// to run, and removes it. It is for TestMain: code is what to exit with.
func Programs(run func(bin string) int) (code int) {
	dir, err := os.MkdirTemp("/tmp", "pb")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // for programs that are never root
	}
	if err == nil {
		err = needs.Pkgd(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run(dir)
}
