package state_test

import (
	"slices"

	"pgregory.net/rapid"
)

// graph is a change as the property test draws it.
type graph struct{ tasks []node }

// node is one task: what it waits for, its lanes, and how its handlers behave
// from one call to the next. The last behaviour stays.
type node struct {
	waits    []int // of earlier nodes
	lanes    []int // 1 to 3
	do, undo []string
	noUndo   bool
}

// Behaviours: ok, fail, retry, wait; abort (the change), abort1 to abort3 (a
// lane); stop (a planned restart) and crash, both while the handler runs.
var (
	doMoves   = []string{"ok", "ok", "ok", "ok", "fail", "retry", "wait", "abort", "abort1", "abort2", "stop", "crash"}
	undoMoves = []string{"ok", "ok", "ok", "fail", "retry", "wait", "stop", "crash"}
)

func drawGraph(t *rapid.T) graph {
	var g graph
	n := rapid.IntRange(1, 8).Draw(t, "tasks")
	for i := range n {
		nd := node{
			do:     drawMoves(t, doMoves),
			undo:   drawMoves(t, undoMoves),
			noUndo: rapid.IntRange(0, 5).Draw(t, "undo handler") == 0,
		}
		for j := range i {
			if rapid.IntRange(0, 2).Draw(t, "wait") == 0 {
				nd.waits = append(nd.waits, j)
			}
		}
		for lane := 1; lane <= 3; lane++ {
			if rapid.IntRange(0, 2).Draw(t, "lane") == 0 {
				nd.lanes = append(nd.lanes, lane)
			}
		}
		g.tasks = append(g.tasks, nd)
	}
	return g
}

// drawMoves ends in ok or fail, so that every change ends.
func drawMoves(t *rapid.T, from []string) []string {
	moves := rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, "moves")
	if last := len(moves) - 1; moves[last] != "fail" {
		moves[last] = "ok"
	}
	return moves
}

func move(moves []string, call int) string { return moves[min(call, len(moves)-1)] }

// aborts is what was aborted by hand, or gave up because it failed.
type aborts struct {
	all    bool
	lanes  []int
	failed []int // tasks whose do failed
}

// fallen is the model: which tasks must not be done in the end. It applies the
// rules, again and again, until none adds a task: a lane-less failure takes all;
// a failed or fallen task takes its lanes; a lane takes the tasks that have no
// other lane alive; a fallen task takes those that wait for it.
func (g graph) fallen(a aborts) []bool {
	fell := make([]bool, len(g.tasks))
	dead := map[int]bool{}
	for _, lane := range a.lanes {
		dead[lane] = true
	}
	for _, i := range a.failed {
		fell[i] = true
		a.all = a.all || len(g.tasks[i].lanes) == 0
	}
	for changed := true; changed; {
		changed = false
		for i, nd := range g.tasks {
			now := fell[i] || a.all || nd.takenBy(dead, fell)
			changed = changed || now != fell[i]
			fell[i] = now
			for _, lane := range nd.lanes {
				if now && !dead[lane] {
					dead[lane] = true
					changed = true
				}
			}
		}
	}
	return fell
}

func (nd node) takenBy(dead map[int]bool, fell []bool) bool {
	alive := slices.ContainsFunc(nd.lanes, func(lane int) bool { return !dead[lane] })
	if len(nd.lanes) > 0 && !alive {
		return true
	}
	return slices.ContainsFunc(nd.waits, func(i int) bool { return fell[i] })
}
