package hostile

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"pkgd.io/pkgd/internal/needs"
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
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	var err error
	if bin, err = os.MkdirTemp("/tmp", "pb"); err == nil {
		defer os.RemoveAll(bin)
		err = needs.Pkgd(bin)
	}
	if err == nil {
		err = os.Chmod(bin, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
