package hostile

import (
	"flag"
	"os"
	"testing"

	"pkgd.io/pkgd/tests/daemontest"
)

// bin is the folder of the programs under test.
var bin string

// The test binary is also a program of packages, which asks on their behalf; see
// play.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "play" {
		play(os.Args[2:])
		return
	}
	flag.Parse()
	os.Exit(daemontest.Programs(func(dir string) int {
		bin = dir
		return m.Run()
	}))
}
