package api

import (
	"encoding/json"
	"time"
)

// Package is a row of the list of installed packages.
type Package struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Revision int    `json:"revision"`
	Digest   string `json:"digest"`
	Status   string `json:"status"` // health status
	Held     bool   `json:"held"`
}

// PackageInfo is all there is to tell of one package.
type PackageInfo struct {
	Package
	Summary     string         `json:"summary"`
	Channel     string         `json:"channel"`
	Services    []Service      `json:"services"`
	Revisions   []RevisionInfo `json:"revisions"`
	Apps        []string       `json:"apps"`
	Hooks       []string       `json:"hooks"`
	HeldUntil   *time.Time     `json:"held-until,omitempty"`
	InstalledAt *time.Time     `json:"installed-at,omitempty"`
	Versioned   bool           `json:"data-versioned"`
	Change      string         `json:"change,omitempty"`   // the change in progress
	Question    string         `json:"question,omitempty"` // what a person is asked to decide
}

// RevisionInfo is one revision on this host.
type RevisionInfo struct {
	Revision     int        `json:"revision"`
	Version      string     `json:"version"`
	Digest       string     `json:"digest"`
	State        string     `json:"state"` // current, kept or refused
	RefusedUntil *time.Time `json:"refused-until"`
}

// Service is one service of a package as the service manager sees it.
type Service struct {
	Package  string `json:"package,omitempty"`
	Name     string `json:"name"`
	State    string `json:"state"` // active, activating, inactive, failed
	Restarts int    `json:"restarts"`
	Enabled  bool   `json:"enabled"`
	PID      int    `json:"pid,omitempty"`
	Detail   string `json:"detail,omitempty"` // why it failed
}

// MaxHold is the longest hold that has an end: far from where a point in time
// overflows.
const MaxHold = 100 * 365 * 24 * time.Hour

// PackageRequest is what an admin asks of packages: POST /v1/packages for
// several, POST /v1/packages/NAME for one.
type PackageRequest struct {
	Action       string   `json:"action"`                  // install refresh revert remove hold unhold accept
	Targets      []string `json:"targets,omitempty"`       // names or absolute paths; empty with refresh: all
	NoRevert     bool     `json:"no-revert,omitempty"`     // refresh: keep what turned bad
	RetryRefused bool     `json:"retry-refused,omitempty"` // refresh: once more in spite of a refusal
	DryRun       bool     `json:"dry-run,omitempty"`       // say what would be done
	Transaction  string   `json:"transaction,omitempty"`   // "all": one lane for all
	Dangerous    bool     `json:"dangerous,omitempty"`     // take unsigned content from a store
	Channel      string   `json:"channel,omitempty"`       // of a store
	ToRevision   int      `json:"to-revision,omitempty"`   // revert: 0 is the one before
	Purge        bool     `json:"purge,omitempty"`         // remove: data and configuration too
	For          float64  `json:"for,omitempty"`           // hold: seconds, 0 is for ever, at most [MaxHold]
}

// PackageResult answers a [PackageRequest]. With a change it is async.
type PackageResult struct {
	Messages []string   `json:"messages,omitempty"` // one line each, for people
	Plan     []PlanItem `json:"plan,omitempty"`     // what will be done, or would be with DryRun
}

// PlanItem is what a change is going to do with one package.
type PlanItem struct {
	Package     string `json:"package"`
	Action      string `json:"action"` // install, refresh, revert, remove or nothing
	From        int    `json:"from"`
	To          int    `json:"to"` // 0 until the content has arrived
	FromVersion string `json:"from-version"`
	ToVersion   string `json:"to-version"`
	Reason      string `json:"reason,omitempty"` // why nothing is done
}

// Outcome values say how a change ended for a package.
const (
	OutcomeDone         = "done"
	OutcomeReverted     = "reverted"
	OutcomeKept         = "kept"
	OutcomeUnproven     = "unproven"
	OutcomeFailed       = "failed"
	OutcomeRevertFailed = "revert-failed"
)

// Why is the story of a package's last change: before, after, the rule that was
// applied and what came of it. The rules are named where they are decided, in
// healthstate.
type Why struct {
	Change       string     `json:"change"`
	Package      string     `json:"package"`
	From         int        `json:"from"`
	To           int        `json:"to"`
	Before       *Record    `json:"before"`
	After        *Record    `json:"after"`
	Rule         string     `json:"rule"`
	Outcome      string     `json:"outcome"`
	DataRestored bool       `json:"data-restored"`
	RefusedUntil *time.Time `json:"refused-until"`
	HookOutput   string     `json:"hook-output"`
	Downtime     float64    `json:"downtime"` // seconds without services, the revert's included
	Elapsed      float64    `json:"elapsed"`  // seconds from the change's start to its end

	Kind        string      `json:"kind"`           // install, refresh, revert, remove
	Path        string      `json:"path,omitempty"` // that the content came from, when an admin gave one
	At          time.Time   `json:"at"`
	FromVersion string      `json:"from-version"`
	ToVersion   string      `json:"to-version"`
	Current     int         `json:"current"`               // the revision that runs now
	Restored    *Record     `json:"restored,omitempty"`    // the old revision's health after a revert
	WantsPerson bool        `json:"wants-person"`          // kept, but somebody has to decide
	Error       string      `json:"error,omitempty"`       // of a failed change
	Warning     string      `json:"warning,omitempty"`     // of what failed and stopped nothing: the remove hook
	DataShared  bool        `json:"data-shared"`           // data.versioned is false: never restored
	SetAside    string      `json:"set-aside,omitempty"`   // id of what the bad revision wrote (pkgd data)
	CheckDiff   []CheckDiff `json:"check-diff,omitempty"`  // checks that differ between before and after
	Runs        int         `json:"runs,omitempty"`        // runs of check-health in the window
	Transaction string      `json:"transaction,omitempty"` // package for whose sake this one was undone
}

// CheckDiff is one check that changed across a refresh.
type CheckDiff struct {
	Name    string `json:"name"`
	Before  string `json:"before"` // passed, warn, fail or empty when absent
	After   string `json:"after"`
	Message string `json:"message"`
}

// DataItem is data that a revert set aside.
type DataItem struct {
	ID       string    `json:"id"`
	Package  string    `json:"package"`
	Revision int       `json:"revision"`
	Version  string    `json:"version"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"` // deleted after this
	Bytes    int64     `json:"bytes"`
}

// DataRequest acts on set-aside data: POST /v1/packages/NAME/data.
type DataRequest struct {
	Action string `json:"action"` // restore or drop
	ID     string `json:"id"`
}

// ConfigRequest changes configuration: a nil value unsets its key. Keys may be
// dotted paths into objects.
type ConfigRequest map[string]json.RawMessage

// ServiceRequest acts on services: POST /v1/services.
type ServiceRequest struct {
	Action  string   `json:"action"` // start, stop or restart
	Names   []string `json:"names"`  // PACKAGE or PACKAGE.SERVICE
	Enable  bool     `json:"enable,omitempty"`
	Disable bool     `json:"disable,omitempty"`
}

// LogLine is one line of a service's output.
type LogLine struct {
	At      time.Time `json:"at"`
	Package string    `json:"package"`
	Service string    `json:"service"`
	Line    string    `json:"line"`
}

// ExecRequest asks for what it takes to run an app: POST /v1/exec.
type ExecRequest struct {
	Package string `json:"package"`
	App     string `json:"app"`
}

// Exec is an app ready to be run by the client itself, in the caller's terminal.
type Exec struct {
	Command []string `json:"command"`
	Dir     string   `json:"dir"`
	Env     []string `json:"env"`
}
