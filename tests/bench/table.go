package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// printLines writes each figure in the format of Go's benchmarks, which
// benchstat and others read.
func printLines(w io.Writer, figures []*figure) {
	for _, f := range figures {
		fmt.Fprintf(w, "BenchmarkPkgd/%s\t%d\t%s %s\t%s p90-%s", f.name, len(f.ours), exact(median(f.ours)), f.unit, exact(quantile(f.ours, 0.9)), f.unit)
		if len(f.base) > 0 {
			fmt.Fprintf(w, "\t%s baseline-%s", exact(median(f.base)), f.unit)
		}
		if r := f.ratio(); !math.IsNaN(r) {
			fmt.Fprintf(w, "\t%s ratio", exact(r))
		}
		if f.goal.wanted() {
			fmt.Fprintf(w, "\t%s goal\t%d met", exact(f.goal.bound), truth(f.met()))
		}
		fmt.Fprintln(w)
	}
}

// printTable writes the figures for people.
func printTable(w io.Writer, figures []*figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tFIGURE\tPKGD\tP90\tBASELINE\tRATIO\tGOAL\tBASELINE IS")
	for _, f := range figures {
		fmt.Fprintln(t, strings.Join([]string{
			mark(f), f.what, amount(median(f.ours), f.unit), amount(quantile(f.ours, 0.9), f.unit),
			amount(median(f.base), f.unit), times(f.ratio()), goalText(f), f.baseline,
		}, "\t"))
	}
	return t.Flush()
}

func mark(f *figure) string {
	switch {
	case !f.goal.wanted():
		return " "
	case f.met():
		return "✓"
	}
	return "✗"
}

func goalText(f *figure) string {
	sign := "≤ "
	if f.goal.least {
		sign = "≥ "
	}
	switch {
	case !f.goal.wanted():
		return ""
	case f.goal.ratio:
		return sign + times(f.goal.bound)
	}
	return sign + amount(f.goal.bound, f.unit)
}

func amount(v float64, unit string) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%s %s", rounded(v), unit)
}

func times(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f×", v)
}

// rounded keeps three digits that say something.
func rounded(v float64) string {
	switch abs := math.Abs(v); {
	case v == math.Trunc(v) || abs >= 100:
		return fmt.Sprintf("%.0f", v)
	case abs >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func exact(v float64) string { return fmt.Sprintf("%.6g", v) }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
