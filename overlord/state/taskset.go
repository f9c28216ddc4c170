package state

import "slices"

// TaskSet is a list of tasks that are handled together while a change is built.
type TaskSet struct{ tasks []*Task }

// NewTaskSet makes a set of these tasks.
func NewTaskSet(tasks ...*Task) *TaskSet { return &TaskSet{slices.Clone(tasks)} }

// AddTask adds a task, once.
func (ts *TaskSet) AddTask(t *Task) {
	if !slices.Contains(ts.tasks, t) {
		ts.tasks = append(ts.tasks, t)
	}
}

// AddAll adds the tasks of another set.
func (ts *TaskSet) AddAll(other *TaskSet) {
	for _, t := range other.tasks {
		ts.AddTask(t)
	}
}

// WaitFor has each task of the set wait for t.
func (ts *TaskSet) WaitFor(t *Task) {
	for _, own := range ts.tasks {
		own.WaitFor(t)
	}
}

// WaitAll has each task of the set wait for each of the other.
func (ts *TaskSet) WaitAll(other *TaskSet) {
	for _, t := range other.tasks {
		ts.WaitFor(t)
	}
}

// JoinLane puts all tasks in a lane.
func (ts *TaskSet) JoinLane(lane int) {
	for _, t := range ts.tasks {
		t.JoinLane(lane)
	}
}

// Tasks gives the tasks in the order in which they were added.
func (ts *TaskSet) Tasks() []*Task { return slices.Clone(ts.tasks) }
