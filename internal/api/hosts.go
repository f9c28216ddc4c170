package api

import (
	"encoding/json"
	"time"
)

// Hosts is what `pkgd health --host` and `pkgd check --host` print of several
// hosts: worst first, and of what is equally bad the oldest.
type Hosts struct {
	Level    string         `json:"level"`  // the worst: FAULT, UNKNOWN, DEGRADED, OK
	Counts   map[string]int `json:"counts"` // packages of all hosts, by status
	Packages []Collated     `json:"packages"`
	Hosts    []HostReport   `json:"hosts"`
}

// Collated is one package as it is on the host where it is worst.
type Collated struct {
	Package string         `json:"package"`
	Host    string         `json:"host"` // where it is so
	Status  string         `json:"status"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Since   *time.Time     `json:"since"`
	Hosts   map[string]int `json:"hosts"` // that have it, by status
}

// HostReport is what one host answered.
type HostReport struct {
	Host     string  `json:"host"` // as it was typed
	Level    string  `json:"level"`
	Answered bool    `json:"answered"` // false: ssh did not get through
	Error    string  `json:"error"`    // why there is no report; empty with one
	Elapsed  float64 `json:"elapsed"`  // seconds until it had answered
	// Report is what pkgd prints there: a Health, or a Record where one package
	// was asked for; with all keys that a newer pkgd may have. Null without.
	Report json.RawMessage `json:"report"`
}

// HostLogLine is one line of a service's output on one of several hosts.
type HostLogLine struct {
	Host string `json:"host"`
	LogLine
}
