package state

import "fmt"

// Status is how far a task or a change has come.
type Status int

// The statuses of a task. A change has that of its task that comes first in
// the order: Abort, Undoing, Undo, Doing, Wait, Do, Error, Undone, Done, Hold.
const (
	DefaultStatus Status = iota // the same as Do
	HoldStatus                  // will not be done, because of an abort or a failure elsewhere
	DoStatus                    // to be done
	DoingStatus                 // being done, or about to be done again
	DoneStatus                  // done
	AbortStatus                 // was Doing when it was aborted: ends, then Undo
	UndoStatus                  // to be undone
	UndoingStatus               // being undone
	UndoneStatus                // undone
	ErrorStatus                 // do or undo failed
	WaitStatus                  // waits for somebody to set another status
	numStatuses
)

var statusNames = [numStatuses]string{"Default", "Hold", "Do", "Doing", "Done", "Abort", "Undo", "Undoing", "Undone", "Error", "Wait"}

// changeOrder decides a change's status: what is happening first, then what is
// still to happen, then what went wrong, then the rest.
var changeOrder = [...]Status{
	AbortStatus, UndoingStatus, UndoStatus, DoingStatus, WaitStatus,
	DoStatus, ErrorStatus, UndoneStatus, DoneStatus, HoldStatus,
}

func (s Status) String() string {
	if s < 0 || s >= numStatuses {
		return fmt.Sprintf("Status(%d)", int(s))
	}
	return statusNames[s]
}

// Ready tells whether a task in this status has nothing more to do.
func (s Status) Ready() bool {
	switch s {
	case DoneStatus, UndoneStatus, HoldStatus, ErrorStatus:
		return true
	}
	return false
}

// MarshalText keeps statuses on disk by name, so that their numbers may change.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a status' name.
func (s *Status) UnmarshalText(b []byte) error {
	for i, name := range statusNames {
		if name == string(b) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q", b)
}
