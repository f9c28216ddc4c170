package systemd

import (
	"context"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// Job asks systemd for a bare job of a unit and waits for its end.
func (m *Manager) Job(ctx context.Context, method, unit string) (string, error) {
	return m.job(ctx, time.Minute, method, unit)
}

// BoundedJob is Job with a bound of its own.
func (m *Manager) BoundedJob(ctx context.Context, bound time.Duration, method, unit string) (string, error) {
	return m.job(ctx, bound, method, unit)
}

// UnitName is the unit's name in systemd.
func (m *Manager) UnitName(u service.Unit) string { return m.unitOf(u) }

// UnitFile is the text of a unit's file on the host.
func UnitFile(u service.Unit, d dirs.Dirs) string {
	w := writer{names: namesOf("/"), dirs: d, version: steppedRestarts}
	return w.unitFile(u, d.RunCookies()+"/cookie")
}

// ReadNote is the unit that a file was made of.
func ReadNote(text string) (service.Unit, bool) { return readNote(text) }

// JournalLine reads a line of journalctl's.
func JournalLine(b []byte) (api.LogLine, bool) {
	m := &Manager{names: namesOf("/")}
	return m.logLine(b)
}
