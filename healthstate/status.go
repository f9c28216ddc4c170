package healthstate

import (
	"fmt"
	"slices"
)

// Status is one word for how a package is.
type Status string

// The six statuses. A hook may set any but Unknown.
const (
	Unknown     Status = "unknown"     // nothing known: no hook, a silent one, or a stale record
	Active      Status = "active"      // works
	Maintenance Status = "maintenance" // busy with itself: migrating, indexing
	Waiting     Status = "waiting"     // needs something that will come by itself
	Blocked     Status = "blocked"     // needs a person
	Error       Status = "error"       // broken
)

// Statuses lists all statuses, the best first.
func Statuses() []Status {
	return []Status{Active, Maintenance, Waiting, Unknown, Blocked, Error}
}

// ParseStatus reads the word a hook used. "okay" is another word for active, so
// that hooks written for snapd run unmodified.
func ParseStatus(word string) (Status, error) {
	s := Status(word)
	switch {
	case word == "okay":
		return Active, nil
	case s == Unknown:
		return "", fmt.Errorf("status %q is for pkgd alone to set; use waiting where it is not known yet", word)
	case slices.Contains(Statuses(), s):
		return s, nil
	}
	return "", fmt.Errorf("no status %q; accepted: active (or okay), maintenance, waiting, blocked, error", word)
}

// severity is what a status does to the host's level: 0 nothing, 1 degrades, 2
// is a fault.
func (s Status) severity() int {
	switch s {
	case Active:
		return 0
	case Blocked, Error:
		return 2
	}
	return 1
}
