package hookrunner

import (
	"errors"
	"fmt"
	"time"
)

// Exit codes of a hook that could not be run at all, as shells give them.
const (
	ExitNotRunnable = 126 // no permission to execute, or not a program
	ExitNotFound    = 127 // the interpreter is not there
)

// Result is how a run ended.
type Result struct {
	ExitCode int    // 128 plus the signal's number when a signal ended it
	Signal   string // "SIGSEGV"; empty when the hook exited by itself

	TimedOut bool  // killed because its time was up
	Aborted  bool  // killed, or not begun, because the caller's context ended: not the hook's failure
	Missing  bool  // there is no such hook: nothing was run
	Cause    error // why the caller's context ended (context.Cause); only when Aborted

	Output     []byte // last 64 KiB of both streams
	Stdout     []byte // first 4 KiB of standard output
	LastStderr string // last line on standard error that is not empty; or why the file is unrunnable
	Lines      int    // lines that the log did not take

	Start    time.Time
	Duration time.Duration // until the whole tree was gone
	Timeout  time.Duration // that the run had
	Context  *Context      // what the run said; closed, unless the caller gave its own
}

// ErrTimedOut is wrapped by Err when the run's time was up.
var ErrTimedOut = errors.New("timed out")

// Err is nil when the hook exited 0 or is missing, and otherwise says how it
// ended, with its last line on standard error.
func (r Result) Err() error {
	switch {
	case r.Missing:
		return nil
	case r.Aborted:
		return fmt.Errorf("was stopped: %w", r.Cause)
	case r.TimedOut:
		return fmt.Errorf("%w: it did not end within %s%s", ErrTimedOut, r.Timeout, r.lastWords())
	case r.Signal != "":
		return fmt.Errorf("was killed by %s%s", r.Signal, r.lastWords())
	case r.ExitCode != 0:
		return fmt.Errorf("exited with status %d%s", r.ExitCode, r.lastWords())
	}
	return nil
}

func (r Result) lastWords() string {
	if r.LastStderr == "" {
		return ""
	}
	return ": " + r.LastStderr
}
