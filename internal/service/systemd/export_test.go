package systemd

import (
	"context"
	"time"

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
