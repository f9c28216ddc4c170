package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pkgd.io/pkgd/tests/daemontest"
)

// Finding is a row of the table: a fault, when it came, how many times, and what
// it led to.
type Finding struct {
	Fault, When string
	Times       int
	Reached     string
	Lost        string // empty: nothing
}

var found struct {
	mu   sync.Mutex // guards rows
	rows []Finding
}

// Report adds a row of what was lost nowhere.
func Report(t testing.TB, fault, when string, times int, reached string) {
	t.Helper()
	Finding{Fault: fault, When: when, Times: times, Reached: reached}.Add(t)
}

// Add adds a row, unless the test has failed: what is in the table held.
func (f Finding) Add(t testing.TB) {
	t.Helper()
	if t.Failed() {
		return
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	found.rows = append(found.rows, f)
}

// PrintTable prints the rows and, where a document is named, puts them there
// between the markers of that name.
func PrintTable(document, name string) error {
	if len(found.rows) == 0 {
		return nil
	}
	slices.SortFunc(found.rows, func(a, b Finding) int { return strings.Compare(a.Fault+a.When, b.Fault+b.When) })
	var b strings.Builder
	b.WriteString("| fault | when | times | reached, every time | lost |\n|---|---|---|---|---|\n")
	for _, f := range found.rows {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", f.Fault, f.When, f.Times, f.Reached, cmp.Or(f.Lost, "nothing"))
	}
	fmt.Print("\n", b.String(), "\n")
	if document == "" {
		return nil
	}
	return daemontest.PutTable(document, name, b.String())
}
