package state

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoState says that nothing is kept under a key.
var ErrNoState = errors.New("no state entry for key")

// ErrStopping and ErrAborted are what [context.Cause] gives for the context of
// a handler that was told to end.
var (
	// ErrStopping: pkgd is going down. The task stays Doing or Undoing and is
	// run again after the restart, whatever the handler returns.
	ErrStopping = errors.New("pkgd is stopping")
	// ErrAborted: the task's change or lane was aborted. The task goes to
	// undo, whatever the handler returns.
	ErrAborted = errors.New("task was aborted")
)

// errClosed is what waiting for the disk gives after Close.
var errClosed = errors.New("state is closed")

// Retry is what a handler returns, itself or a pointer to it, to be called
// again later. The task stays Doing or Undoing meanwhile.
type Retry struct {
	After  time.Duration // zero: at once; cut short by t.At(time.Time{}) and EnsureBefore(0)
	Reason string
}

func (r Retry) Error() string {
	if r.Reason == "" {
		return fmt.Sprintf("task should be tried again in %v", r.After)
	}
	return fmt.Sprintf("task should be tried again in %v: %s", r.After, r.Reason)
}

// Wait is what a handler returns, itself or a pointer to it, when something
// outside must happen first: the task is in status Wait until somebody calls
// SetStatus.
type Wait struct{ Reason string }

func (w Wait) Error() string {
	if w.Reason == "" {
		return "task waits"
	}
	return "task waits: " + w.Reason
}

// StoreError says why, and since when, state cannot be written. Nothing is
// lost in memory; writing is tried again by itself.
type StoreError struct {
	Path  string
	Since time.Time
	Err   error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("cannot write state %q: %v", e.Path, e.Err)
}

func (e *StoreError) Unwrap() error { return e.Err }

// CorruptError says that the state file does not open because of its content.
// The file was left as it is.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("cannot open state: file %q is damaged: %v; \"pkgd debug recover\" restores the last good copy", e.Path, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// LevelError says that the state file was written by a newer pkgd.
type LevelError struct {
	Path         string
	Level, Known int
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("cannot open state: file %q has format level %d, written by a newer pkgd; this one knows levels up to %d: install the newer pkgd again", e.Path, e.Level, e.Known)
}

// BusyError says that another process has the state file open.
type BusyError struct{ Path string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("cannot open state: file %q is in use by another process; stop it first", e.Path)
}

// Failure is one task that went wrong.
type Failure struct {
	Task    string `json:"task"`
	Kind    string `json:"kind"`
	Summary string `json:"summary"`
	Text    string `json:"text"`
}

// ChangeError is what [Change.Err] returns: the tasks that went wrong, oldest first.
type ChangeError struct{ Failures []Failure }

func (e *ChangeError) Error() string {
	text := ""
	for i, f := range e.Failures {
		if i > 0 {
			text += "; "
		}
		text += f.Text
	}
	return text
}

func asRetry(err error) (r Retry, ok bool) {
	var p *Retry
	if errors.As(err, &p) {
		return *p, true
	}
	ok = errors.As(err, &r)
	return r, ok
}

func asWait(err error) (w Wait, ok bool) {
	var p *Wait
	if errors.As(err, &p) {
		return *p, true
	}
	ok = errors.As(err, &w)
	return w, ok
}
