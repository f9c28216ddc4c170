package pkgstate

import (
	"context"

	"golang.org/x/sync/errgroup"

	"pkgd.io/pkgd/overlord/state"
)

// bootAtOnce is how many packages' services are started side by side.
const bootAtOnce = 8

// comeback is a start of pkgd bringing a package's services back.
type comeback struct {
	ctx   context.Context
	cut   context.CancelFunc // short: whoever does so says what becomes of the services
	begun chan struct{}      // closed before it looks which services are wanted
	up    chan struct{}      // closed when it has ended
}

func newComeback(ctx context.Context) *comeback {
	b := &comeback{begun: make(chan struct{}), up: make(chan struct{})}
	b.ctx, b.cut = context.WithCancel(ctx)
	return b
}

// over tells whether it has ended, or there never was any.
func (b *comeback) over() bool { return b == nil || closed(b.up) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// await waits until it has ended.
func (b *comeback) await(ctx context.Context) error {
	select {
	case <-b.up:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// boot takes up what is installed: healthstate hears of every package, and the
// services are started as they are recorded, those of a package in the middle of
// its switch excepted: its tasks do that. It does not wait for them.
func (m *Manager) boot(ctx context.Context, installed []*packageState) {
	var start errgroup.Group
	start.SetLimit(bootAtOnce)
	var serving []*packageState
	for _, p := range installed {
		serves := len(p.current().Info.Services) > 0 && m.servicesWanted(p.Name)
		if serves || m.switching(p.Name) {
			m.health.Pause(p.Name) // before Track: an overdue run would not wait
		}
		m.health.Track(m.target(p, p.current()))
		if serves {
			m.booting[p.Name] = newComeback(ctx)
			serving = append(serving, p)
		}
	}
	m.working.Go(func() {
		select {
		case <-m.turning: // services may want to talk to the sockets at once
		case <-ctx.Done():
		}
		for _, p := range serving {
			start.Go(func() error {
				m.bootPackage(m.booting[p.Name], p)
				return nil
			})
		}
		_ = start.Wait() // none of them fails: what does not come up is told by Status
	})
}

func (m *Manager) bootPackage(b *comeback, p *packageState) {
	defer close(b.up)
	defer b.cut()
	close(b.begun)
	if b.ctx.Err() != nil {
		return
	}
	err := m.insist(b.ctx, nil, func() error { return m.startServices(b.ctx, p.Name, p.Current, nil) })
	if b.ctx.Err() != nil {
		return
	}
	if err != nil {
		m.log.Error("cannot start services", "package", p.Name, "error", err)
	}
	m.st.Lock() // no task begins a switch in between
	defer m.st.Unlock()
	if !m.inSwitch(p.Name) {
		m.health.Resume(p.Name)
	}
}

func (m *Manager) switching(name string) bool {
	m.st.Lock()
	defer m.st.Unlock()
	return m.inSwitch(name)
}

// inSwitch tells whether a change is between stop-services and its verdict on a
// package, or takes that back: no other time of a change keeps runs of
// check-health away, however long it takes (design §2). The state is locked.
func (m *Manager) inSwitch(name string) bool {
	chg := m.busy(name)
	if chg == nil {
		return false
	}
	first, verdict := laneTask(chg, name, "stop-services"), laneTask(chg, name, "await-verdict")
	if first == nil {
		first = laneTask(chg, name, "link-package") // of an install
	}
	if first == nil || verdict != nil && verdict.Status() == state.DoneStatus {
		return false
	}
	switch first.Status() {
	case state.DoStatus, state.HoldStatus:
		return false
	case state.UndoneStatus, state.ErrorStatus: // the old revision is to be heard first
		before := laneTask(chg, name, "check-health-before")
		return before != nil && !before.Status().Ready()
	}
	return true
}

// awaitBoot waits until the services that a start of pkgd brings back are up:
// whoever asks how they are must not ask before. t, if any, tells why it takes so
// long.
func (m *Manager) awaitBoot(ctx context.Context, t *state.Task, name string) error {
	b := m.booting[name]
	if b.over() {
		return nil
	}
	if t != nil {
		m.logTask(t, "waits for the services that the start of pkgd brings back")
	}
	return b.await(ctx)
}

// endBoot cuts short what a start of pkgd does with a package's services, and
// waits until it does no more: who ends them all must not find one that came up
// later. It waits for no service to be ready.
func (m *Manager) endBoot(ctx context.Context, name string) error {
	b := m.booting[name]
	if b.over() {
		return nil
	}
	b.cut()
	if !closed(b.begun) {
		return nil // it will find that it was cut
	}
	return b.await(ctx)
}

// stopNamed ends services for good, also where a start of pkgd is bringing them
// back: the first stop ends its waiting for them to be ready, the second one what
// came up after the first. What has not begun finds out that they are not wanted.
func (m *Manager) stopNamed(ctx context.Context, t *state.Task, name string, names []string) error {
	b := m.booting[name]
	over := b.over()
	if err := m.svc.Stop(ctx, name, names); err != nil || over || !closed(b.begun) {
		return err
	}
	if err := m.awaitBoot(ctx, t, name); err != nil {
		return err
	}
	return m.svc.Stop(ctx, name, names)
}

// servicesWanted tells whether a package's current revision should be serving
// now: always at rest, and in a change only before its services are stopped and
// after they are started again.
func (m *Manager) servicesWanted(name string) bool {
	m.st.Lock()
	defer m.st.Unlock()
	chg := m.busy(name)
	if chg == nil {
		return true
	}
	stop, start := laneTask(chg, name, "stop-services"), laneTask(chg, name, "start-services")
	if stop != nil && stop.Status() != state.DoStatus && stop.Status() != state.UndoneStatus && stop.Status() != state.HoldStatus {
		return start != nil && start.Status() == state.DoneStatus
	}
	return stop != nil || start == nil || start.Status() == state.DoneStatus
}
