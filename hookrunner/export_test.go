package hookrunner

import (
	"log/slog"

	"pkgd.io/pkgd/internal/osutil"
)

// WithoutCgroups makes r follow trees by session and cookie.
func (r *Runner) WithoutCgroups() { r.slots = newSlots(&osutil.Cgroups{}) }

// UsesCgroups is false where the host has none to test.
func (r *Runner) UsesCgroups() bool { return r.cgroups.Usable() }

// TakeStderr is what a run keeps of pieces written one by one to its stderr.
func TakeStderr(log *slog.Logger, pieces []string) (res Result) {
	o := &output{log: log}
	s := &stream{out: o, name: stderrName, fd: -1}
	for _, p := range pieces {
		s.take([]byte(p))
	}
	s.flush()
	o.end(&res)
	return res
}
