package supervisor_test

import (
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/servicetest"
	"pkgd.io/pkgd/internal/service/supervisor"
)

func TestMain(m *testing.M) {
	servicetest.Main()
	beDaemon()
	os.Exit(m.Run())
}

func newSupervisor(t *testing.T, d dirs.Dirs) service.Manager {
	t.Helper()
	return newSupervisorWith(t, supervisor.Options{Dirs: d})
}

func newSupervisorWith(t *testing.T, o supervisor.Options) service.Manager {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := supervisor.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSupervisorDoesWhatEveryManagerMust(t *testing.T) {
	defer goleak.VerifyNone(t)
	servicetest.Suite(t, newSupervisor)
}

func TestSupervisorDoesWhatEveryManagerMustWithoutCgroups(t *testing.T) {
	defer goleak.VerifyNone(t)
	servicetest.Suite(t, func(t *testing.T, d dirs.Dirs) service.Manager {
		return newSupervisorWith(t, supervisor.Options{Dirs: d, Cgroups: &osutil.Cgroups{}})
	})
}
