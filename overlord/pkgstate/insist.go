package pkgstate

import (
	"context"
	"errors"
	"time"

	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// lookAgain is how often a service manager that cannot be reached is asked
// whether it is there again.
const lookAgain = 500 * time.Millisecond

// insist does f, which asks something of the service manager, again and again
// while that cannot be reached (systemd's bus is gone): to give up with services
// half stopped would leave them so. It ends with ctx; t, if any, tells why it
// takes so long.
func (m *Manager) insist(ctx context.Context, t *state.Task, f func() error) error {
	err := f()
	for told := false; err != nil && m.unreachable(ctx, err); told = true {
		if !told {
			m.tellWait(t, err)
		}
		if m.awaitManager(ctx) != nil {
			return err
		}
		err = f()
	}
	return err
}

func (m *Manager) unreachable(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, service.ErrUnreachable) || m.svc.Ping(ctx) != nil)
}

func (m *Manager) tellWait(t *state.Task, err error) {
	m.log.Warn("waiting for the service manager", "error", err)
	if t != nil {
		m.st.Lock()
		defer m.st.Unlock()
		t.Logf("waits for the service manager: %v", err)
	}
}

// awaitManager waits until the service manager answers, or ctx ends.
func (m *Manager) awaitManager(ctx context.Context) error {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if m.svc.Ping(ctx) == nil {
			return nil
		}
	}
}
