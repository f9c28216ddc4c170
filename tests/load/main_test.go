package load

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/tests/daemontest"
)

var (
	wanted   = flag.Bool("load", false, "put load on this machine for some minutes (./run-checks --load)")
	span     = flag.Duration("span", time.Minute, "how long each load lasts")
	packages = flag.Int("packages", 1000, "how many packages there are")
	document = flag.String("table", "", "write the table of what was held into this document, between its markers")
	bin      string // folder of the programs under test
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if !*wanted {
		return m.Run()
	}
	return daemontest.Programs(func(dir string) int {
		bin = dir
		return runAndTell(m)
	})
}

func runAndTell(m *testing.M) int {
	code := m.Run()
	if err := printTable(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// row is a line of the table: a load, what was counted, and what it left behind.
type row struct{ load, held, after, lost string }

var rows []row

// report adds a row, unless the test has failed: what is in the table held.
func report(t *testing.T, r row) {
	t.Helper()
	t.Logf("%+v", r)
	if !t.Failed() {
		rows = append(rows, r)
	}
}

// printTable prints the rows and, where a document is named, puts them there.
func printTable() error {
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.load, b.load) })
	var b strings.Builder
	b.WriteString("| load | held | before and after | lost |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.load, r.held, r.after, r.lost)
	}
	fmt.Print("\n", b.String(), "\n")
	if *document == "" {
		return nil
	}
	return daemontest.PutTable(*document, "load", b.String())
}
