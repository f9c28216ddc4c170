package healthstate_test

import (
	"testing"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/service"
)

func TestAServiceThatCrashedIsToldWithHowItEnded(t *testing.T) {
	const crashed = "crashed (exit status 3)"
	for _, test := range []struct {
		status      service.Status
		down, again string
	}{
		{
			service.Status{State: service.Activating, Ended: crashed, Detail: service.BeingStartedAgain(crashed)},
			"serve crashed (exit status 3) and is being started again", "",
		},
		{
			service.Status{State: service.Active, PID: 7, Restarts: 1, Ended: crashed},
			"", "serve crashed (exit status 3) and was started again",
		},
		{service.Status{State: service.Active, PID: 7, Restarts: 1}, "", "serve had to be started again"},
		{service.Status{State: service.Activating, PID: 7, Detail: "not ready yet"}, "serve is activating: not ready yet", ""},
		{service.Status{State: service.Failed, Detail: "exited with status 3"}, "serve is failed: exited with status 3", ""},
	} {
		test.status.Name = "serve"
		if down, again := healthstate.Tell(test.status); down != test.down || again != test.again {
			t.Errorf("%+v: %q, %q", test.status, down, again)
		}
	}
}
