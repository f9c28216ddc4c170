package faults

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// finding is a row of the table: a fault, when it came, how many times, and what
// it led to.
type finding struct {
	fault, when string
	times       int
	reached     string
	lost        string // empty: nothing
}

var found struct {
	mu   sync.Mutex // guards rows
	rows []finding
}

// report adds a row of what was lost nowhere.
func report(t *testing.T, fault, when string, times int, reached string) {
	t.Helper()
	finding{fault: fault, when: when, times: times, reached: reached}.add(t)
}

// add adds a row, unless the test has failed: what is in the table held.
func (f finding) add(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	found.rows = append(found.rows, f)
}

const tableBegin, tableEnd = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"

// printTable prints the rows and, where a document is named, puts them there.
func printTable(document string) error {
	if len(found.rows) == 0 {
		return nil
	}
	slices.SortFunc(found.rows, func(a, b finding) int { return strings.Compare(a.fault+a.when, b.fault+b.when) })
	var b strings.Builder
	b.WriteString("| fault | when | times | reached, every time | lost |\n|---|---|---|---|---|\n")
	for _, f := range found.rows {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", f.fault, f.when, f.times, f.reached, cmp.Or(f.lost, "nothing"))
	}
	fmt.Print("\n", b.String(), "\n")
	if document == "" {
		return nil
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), tableBegin)
	_, tail, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table: %q … %q", document, tableBegin, tableEnd)
	}
	return os.WriteFile(document, []byte(head+tableBegin+b.String()+tableEnd+tail), 0o644)
}
