package supervisor_test

import (
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/servicetest"
	"pkgd.io/pkgd/internal/service/supervisor"
)

func TestMain(m *testing.M) {
	servicetest.Main()
	os.Exit(m.Run())
}

func newSupervisor(t *testing.T, d dirs.Dirs) service.Manager {
	t.Helper()
	s, err := supervisor.New(supervisor.Options{Dirs: d, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSupervisorDoesWhatEveryManagerMust(t *testing.T) {
	defer goleak.VerifyNone(t)
	servicetest.Suite(t, newSupervisor)
}
