package api

import "time"

// Record is what is known of one package's health (design §2). A record belongs
// to one revision.
type Record struct {
	Package   string     `json:"package"`
	Revision  int        `json:"revision"`
	Status    string     `json:"status"`
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	Since     *time.Time `json:"since"`      // when this status and code began
	CheckedAt *time.Time `json:"checked-at"` // last run, nil before the first
	Source    string     `json:"source"`     // hook, app or pkgd; empty where nothing is known
	Stale     bool       `json:"stale"`
	Duration  float64    `json:"duration"` // of the last run, seconds
	Health    *string    `json:"health"`   // least of the checks: passed, warn, fail; nil without checks
	QoS       *float64   `json:"qos"`      // least of the checks' qos, 0 to 1; nil without one
	Blockers  []string   `json:"blockers"`
	Checks    []Check    `json:"checks"`
	Version   string     `json:"version,omitempty"`
	TTL       float64    `json:"ttl,omitempty"`        // seconds after which the record is stale
	Phase     string     `json:"phase,omitempty"`      // before, after, rest or manual
	Runs      uint64     `json:"runs,omitempty"`       // runs of the hook since this revision came
	NextCheck *time.Time `json:"next-check,omitempty"` // when the hook is due at rest
	Output    string     `json:"output,omitempty"`     // of a run asked for with verbose
	Last      *Record    `json:"last,omitempty"`       // beside a stale one: what was last known
}

// Check is one part of a package's health.
type Check struct {
	Name    string            `json:"name"`
	Health  string            `json:"health"` // passed, warn or fail
	Message string            `json:"message"`
	QoS     *float64          `json:"qos"`
	Data    map[string]string `json:"data"`
}

// Health is the host's roll-up with every package's record beneath it.
type Health struct {
	Level    string         `json:"level"` // OK, DEGRADED, FAULT or UNKNOWN
	Counts   map[string]int `json:"counts"`
	Packages []Record       `json:"packages"`
}

// Transition is one line of a package's history, newest first where listed.
type Transition struct {
	At       time.Time `json:"at"`
	Package  string    `json:"package,omitempty"`
	Revision int       `json:"revision"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Phase    string    `json:"phase"`
}

// HealthRequest asks for runs now (POST /v1/health).
type HealthRequest struct {
	Names   []string `json:"names,omitempty"` // empty: every package with a hook
	Verbose bool     `json:"verbose,omitempty"`
}
