package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file. Line and Column count from 1;
// Line 0 means the file as a whole.
type Problem struct {
	File     string
	Line     int
	Column   int
	Text     string
	Accepted []string // values or keys that would have been right
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	b.WriteString(p.Text)
	if len(p.Accepted) > 0 {
		b.WriteString("; accepted: ")
		b.WriteString(strings.Join(p.Accepted, ", "))
	}
	return b.String()
}

// Problems is everything that is wrong, in the order of the file.
type Problems []Problem

// Error gives a line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is nil without problems; else all of them, sorted by place.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return ps
}
