package state

import (
	"fmt"
	"slices"
	"time"
)

// Logf adds a line to the task's log. It reaches the disk with the task's next
// step; a crash before may forget it.
func (t *Task) Logf(format string, args ...any) { t.log("INFO", format, args...) }

// Errorf adds a line to the task's log, marked as an error. It does not make
// the task fail: return an error for that.
func (t *Task) Errorf(format string, args ...any) { t.log("ERROR", format, args...) }

func (t *Task) log(level, format string, args ...any) {
	t.st.mustHold()
	line := t.st.now().Format(time.RFC3339) + " " + level + " " + fmt.Sprintf(format, args...)
	t.rec.Log = append(t.rec.Log, line)
	if extra := len(t.rec.Log) - logMost; extra > 0 {
		t.rec.Log = slices.Delete(t.rec.Log, 0, extra)
	}
	t.changedLazily()
}

// Log gives the newest lines of the task's log, oldest first, each
// "TIME INFO|ERROR TEXT".
func (t *Task) Log() []string {
	t.st.mustHold()
	return slices.Clone(t.rec.Log)
}

// SetProgress says how far the present run has come. It is kept in memory only.
func (t *Task) SetProgress(label string, done, total int64) {
	t.st.mustHold()
	t.progress = progress{label, done, total}
}

// Progress gives what SetProgress said last; total is 0 when it said nothing.
func (t *Task) Progress() (label string, done, total int64) {
	t.st.mustHold()
	return t.progress.label, t.progress.done, t.progress.total
}
