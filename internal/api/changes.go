package api

import (
	"encoding/json"
	"time"
)

// Change is a unit of work that pkgd carries out, or undoes, as a whole per lane.
type Change struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Summary   string     `json:"summary"`
	Status    string     `json:"status"` // Do Doing Done Abort Undo Undoing Undone Hold Error Wait
	Ready     bool       `json:"ready"`
	SpawnedAt time.Time  `json:"spawned-at"`
	ReadyAt   *time.Time `json:"ready-at"`

	Err      string     `json:"err,omitempty"`
	Packages []string   `json:"packages,omitempty"`
	Plan     []PlanItem `json:"plan,omitempty"`
	Tasks    []Task     `json:"tasks,omitempty"`    // only where one change is asked for
	Outcomes []Why      `json:"outcomes,omitempty"` // one a package, once its lane is ready
}

// Task is one step of a change.
type Task struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Summary   string     `json:"summary"`
	Status    string     `json:"status"`
	Log       []string   `json:"log"`
	Package   string     `json:"package,omitempty"`
	Result    string     `json:"result,omitempty"` // a few words: "active", "down for 0.08 s"
	Lanes     []int      `json:"lanes,omitempty"`
	WaitFor   []string   `json:"wait-for,omitempty"`
	Progress  *Progress  `json:"progress,omitempty"`
	SpawnedAt time.Time  `json:"spawned-at"`
	ReadyAt   *time.Time `json:"ready-at,omitempty"`
	Doing     float64    `json:"doing"`   // seconds spent doing
	Undoing   float64    `json:"undoing"` // seconds spent undoing
}

// Progress is how far a slow task has come.
type Progress struct {
	Label string `json:"label"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// ChangeRequest acts on a change: POST /v1/changes/ID.
type ChangeRequest struct {
	Action string `json:"action"` // abort
}

// Warning is something a person should know of.
type Warning struct {
	ID      string    `json:"id"`
	Package string    `json:"package,omitempty"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
}

// WarningsRequest dismisses warnings up to a time: POST /v1/warnings.
type WarningsRequest struct {
	Action string    `json:"action"` // okay
	Until  time.Time `json:"until"`
}

// Event is one server-sent event of /v1/events. Type is the SSE event name:
// change, task or health.
type Event struct {
	Type string          `json:"type"`
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data"` // Change, TaskEvent or Transition
}

// TaskEvent tells of a task's new status.
type TaskEvent struct {
	Change string `json:"change"`
	Task
}

// System describes the daemon: GET /v1/system.
type System struct {
	Version     string    `json:"version"`
	PID         int       `json:"pid"`
	StartedAt   time.Time `json:"started-at"`
	Root        string    `json:"root"`
	Services    string    `json:"services"`    // systemd or embedded
	Store       string    `json:"store"`       // "ok", or why it cannot be written
	Confinement string    `json:"confinement"` // what the kernel gives: "landlock ABI 7, cgroup2 …"
	Bus         string    `json:"bus"`
	Listen      []string  `json:"listen"`
}
