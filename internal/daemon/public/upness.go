package public

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/internal/service"
)

// How often the service manager is asked, beside when it tells of something.
const (
	upnessPeriod  = 10 * time.Second
	upnessTimeout = 2 * time.Second
)

// upness knows whether the service manager answers, and which packages' services
// are up.
type upness struct {
	services Services
	manager  *probe
	states   *probe
	down     atomic.Pointer[map[string]bool] // packages with a service that should be up and is not
}

func newUpness(services Services) *upness {
	u := &upness{services: services}
	u.manager = newProbe(upnessPeriod, upnessTimeout, services.Ping)
	u.states = newProbe(upnessPeriod, upnessTimeout, u.ask)
	return u
}

// start begins to look.
func (u *upness) start(ctx context.Context, wg *sync.WaitGroup) {
	u.manager.start(ctx, wg)
	u.states.start(ctx, wg)
	context.AfterFunc(ctx, u.services.Subscribe(func(service.Event) { u.states.now() }))
}

func (u *upness) ask(ctx context.Context) error {
	all, err := u.services.Status(ctx, "")
	if err != nil {
		return err
	}
	down := map[string]bool{}
	for _, s := range all {
		if s.Enabled && s.State != service.Active {
			down[s.Package] = true
		}
	}
	u.down.Store(&down)
	return nil
}

// up says whether a package's services are, all that should be. Where nobody can
// tell they are not.
func (u *upness) up(pkg string) bool {
	down := u.down.Load()
	return u.states.err() == nil && down != nil && !(*down)[pkg]
}
