package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"pkgd.io/pkgd/internal/needs"
	"pkgd.io/pkgd/tests/world"
)

var (
	wanted = flag.Bool("faults", false, "inject faults; needs root")
	table  = flag.String("table", "", "write the table of what was found into this document, between its markers")
	bin    string // folder of the programs under test
	built  string // the same, where it is ours
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if !*wanted {
		return m.Run()
	}
	err := programs()
	defer os.RemoveAll(built)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := world.PrintTable(*table, "faults"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// programs finds the programs under test, or builds them.
func programs() (err error) {
	if bin = *given; bin != "" {
		return nil
	}
	if built, err = os.MkdirTemp("/tmp", "pfb"); err != nil {
		return err
	}
	bin = built
	return needs.Pkgd(built)
}

// requires skips a test where the person or the machine cannot run it; tools are
// named with Debian's packages that have them.
func requires(t *testing.T, tools ...string) {
	t.Helper()
	if !*wanted {
		t.Skip("faults are injected with -faults only (./run-checks --faults)")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can inject faults")
	}
	for _, tool := range tools {
		needs.Program(t, tool, map[string]string{"mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs", "mkfs.btrfs": "btrfs-progs"}[tool])
	}
}
