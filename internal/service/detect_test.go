package service_test

import (
	"path/filepath"
	"testing"

	"pkgd.io/pkgd/internal/service"
)

// Whether the bus answers is no question: one that comes back a moment later must
// not find a second instance of every service.
func TestSystemdIsPickedByRootOnTheHostItBooted(t *testing.T) {
	booted := t.TempDir()
	for _, row := range []struct {
		booted string
		uid    int
		root   string
		want   string
	}{
		{booted, 0, "/", service.Systemd},
		{booted, 0, "/srv/try", service.Embedded},
		{booted, 1000, "/", service.Embedded},
		{filepath.Join(booted, "missing"), 0, "/", service.Embedded},
	} {
		if kind, why := service.DetectOn(row.booted, row.uid, row.root); kind != row.want || why == "" {
			t.Errorf("%+v: %s because %s", row, kind, why)
		}
	}
}
