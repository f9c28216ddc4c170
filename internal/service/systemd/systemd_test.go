package systemd_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/servicetest"
	"pkgd.io/pkgd/internal/service/systemd"
)

func TestMain(m *testing.M) {
	servicetest.Main()
	os.Exit(m.Run())
}

// needBed skips a test anywhere but in tests/system/bed: no test may start
// services of a host that is somebody's.
func needBed(t *testing.T) {
	t.Helper()
	b, _ := os.ReadFile("/run/systemd/container")
	if strings.TrimSpace(string(b)) != "systemd-nspawn" {
		t.Skip("needs a systemd that may be played with: run tests/system/services")
	}
}

// newManager makes a manager whose services end with the test, though they
// would outlive it.
func newManager(t *testing.T, d dirs.Dirs) service.Manager {
	t.Helper()
	t.Cleanup(func() { forgetAll(t, d) })
	return open(t, systemd.Options{Dirs: d})
}

func open(t *testing.T, o systemd.Options) *systemd.Manager {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	m, err := systemd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func forgetAll(t *testing.T, d dirs.Dirs) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m := open(t, systemd.Options{Dirs: d})
	all, err := m.Status(ctx, "")
	if err != nil {
		t.Error(err)
	}
	for _, s := range all {
		if err := m.Forget(ctx, s.Package); err != nil {
			t.Error(err)
		}
	}
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestSystemdDoesWhatEveryManagerMust(t *testing.T) {
	needBed(t)
	defer goleak.VerifyNone(t)
	servicetest.Suite(t, newManager)
}
