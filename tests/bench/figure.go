package main

import (
	"math"
	"slices"
)

// figure is one number that pkgd is held to.
type figure struct {
	name     string // of the line that programs read: kebab-case
	what     string // for people
	unit     string // of ours and base
	baseline string // what base is; "" for none
	goal     goal

	ours, base []float64 // a sample a round
}

// goal is what a figure should be at most, or at least.
type goal struct {
	bound float64
	ratio bool // bounds ours over base, not ours
	least bool // at least, not at most
}

// noGoal is for what is shown only because it explains another figure.
var noGoal = goal{bound: math.Inf(1)}

func atMost(v float64) goal      { return goal{bound: v} }
func timesAtMost(v float64) goal { return goal{bound: v, ratio: true} }

func timesAtLeast(v float64) goal { return goal{bound: v, ratio: true, least: true} }

func (g goal) wanted() bool { return !math.IsInf(g.bound, 1) }

// add keeps the samples of one round.
func (f *figure) add(ours float64, base ...float64) {
	f.ours = append(f.ours, ours)
	f.base = append(f.base, base...)
}

// ratio is the median of the rounds' ratios: each is taken within one round, so
// what slows a round down slows both. NaN without a baseline.
func (f *figure) ratio() float64 {
	if len(f.base) != len(f.ours) || len(f.base) == 0 {
		return math.NaN()
	}
	all := make([]float64, len(f.ours))
	for i := range f.ours {
		all[i] = f.ours[i] / f.base[i]
	}
	return median(all)
}

// met tells whether the median reaches the goal.
func (f *figure) met() bool {
	is := median(f.ours)
	if f.goal.ratio {
		is = f.ratio()
	}
	if f.goal.least {
		return is >= f.goal.bound
	}
	return is <= f.goal.bound
}

func median(samples []float64) float64 { return quantile(samples, 0.5) }

// quantile is the sample below which the part q of all lies, interpolated; NaN
// of none.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
