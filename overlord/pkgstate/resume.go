package pkgstate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// runningKey is set while pkgd runs and taken away by a planned stop: found at
// the start, it says that pkgd or the host died unasked.
const runningKey = "running"

// boot is what is noted of a start.
type boot struct {
	ID string `json:"boot-id"`
}

// recall reads what is installed and notes, durably and before anything is
// resumed, what the last pkgd's end means for it.
func (m *Manager) recall() (installed []*packageState, rebooted bool) {
	m.st.Lock()
	defer m.st.Unlock()
	m.countDeaths()
	installed, rebooted = m.installed(), m.noteBoot()
	// The embedded supervisor's services come back as they were.
	if rebooted && m.svc.Kind() == service.Systemd {
		m.forgetStops(installed)
	}
	return installed, rebooted
}

// countDeaths counts an unasked death for every refresh that was between its
// switch and its verdict (design §2). A death while undoing does not count. The
// state is locked.
func (m *Manager) countDeaths() {
	var last boot
	died := m.st.Has(runningKey)
	if died {
		if err := m.st.Get(runningKey, &last); err != nil {
			m.log.Error("cannot read how the last run ended", "error", err)
		}
	}
	m.st.Set(runningKey, boot{ID: osutil.BootID()})
	if !died {
		return
	}
	for _, chg := range m.st.OpenChanges() {
		for _, name := range changePackages(chg) {
			if inWindow(chg, name) {
				sto := changeStory(chg, name)
				sto.Deaths++
				chg.Set(storyKey(name), sto)
				m.log.Warn("pkgd or the host died between a switch and its verdict", "change", chg.ID(), "package", name, "deaths", sto.Deaths)
			}
		}
	}
}

// bootKey names the boot of the host that pkgd last ran in.
const bootKey = "boot"

// beginSwitch is called by every step from the switch to the verdict: no run at
// rest is wanted until the verdict, and no shutdown.
func (m *Manager) beginSwitch(name string) {
	m.health.Pause(name)
	if m.inhibit != nil {
		m.inhibit.Hold(name, fmt.Sprintf("package %q is between its switch and its verdict", name))
	}
}

// endSwitch takes back what beginSwitch did, whatever became of the change.
func (m *Manager) endSwitch(name string) {
	if m.inhibit != nil {
		m.inhibit.Release(name)
	}
	m.health.Resume(name)
}

// noteBoot notes which boot of the host this is, and tells whether pkgd last ran in
// another one. The state is locked.
func (m *Manager) noteBoot() (rebooted bool) {
	var last string
	if m.st.Has(bootKey) {
		if err := m.st.Get(bootKey, &last); err != nil {
			m.log.Error("cannot read which boot pkgd last ran in", "error", err)
		}
	}
	if last == osutil.BootID() {
		return false
	}
	m.st.Set(bootKey, osutil.BootID())
	return last != "" // else it never ran here
}

// forgetStops starts again, after a boot of the host, what was stopped and not
// disabled: that is what stopping a service means where systemd runs it. The
// state is locked.
func (m *Manager) forgetStops(installed []*packageState) {
	for _, p := range installed {
		for _, w := range p.Services {
			w.Stopped = w.Disabled
		}
		if len(p.Services) > 0 {
			m.save(p)
		}
	}
}

// inWindow tells whether a refresh is past the beginning of its switch and has
// no verdict yet.
func inWindow(chg *state.Change, name string) bool {
	if !changeStory(chg, name).Linked {
		return false
	}
	link, verdict := laneTask(chg, name, "link-package"), laneTask(chg, name, "await-verdict")
	if link == nil || verdict == nil {
		return false
	}
	begun := link.Status() == state.DoingStatus || link.Status() == state.DoneStatus
	open := verdict.Status() == state.DoStatus || verdict.Status() == state.DoingStatus
	return begun && open
}

// laneTask finds a package's task of a kind in a change.
func laneTask(chg *state.Change, name, kind string) *state.Task {
	for _, t := range chg.Tasks() {
		if t.Kind() == kind && taskPackage(t) == name {
			return t
		}
	}
	return nil
}

// bootAtOnce is how many packages' services are started side by side.
const bootAtOnce = 8

// boot takes up what is installed: healthstate hears of every package, and the
// services are started as they are recorded, those of a package in the middle of
// its switch excepted: its tasks do that. It does not wait for them.
func (m *Manager) boot(ctx context.Context, installed []*packageState) {
	var start errgroup.Group
	start.SetLimit(bootAtOnce)
	var serving []*packageState
	for _, p := range installed {
		serves := len(p.current().Info.Services) > 0 && m.servicesWanted(p.Name)
		if serves || !m.atRest(p.Name) {
			m.health.Pause(p.Name) // before Track: an overdue run would not wait
		}
		m.health.Track(m.target(p, p.current()))
		if serves {
			m.booting[p.Name] = make(chan struct{})
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
				m.bootPackage(ctx, p)
				return nil
			})
		}
		_ = start.Wait() // none of them fails: what does not come up is told by Status
	})
}

func (m *Manager) bootPackage(ctx context.Context, p *packageState) {
	defer close(m.booting[p.Name])
	if ctx.Err() != nil {
		return
	}
	err := m.insist(ctx, nil, func() error { return m.startServices(ctx, p.Name, p.Current, nil) })
	if err != nil && ctx.Err() == nil {
		m.log.Error("cannot start services", "package", p.Name, "error", err)
	}
	if m.atRest(p.Name) {
		m.health.Resume(p.Name)
	}
}

// atRest tells whether no change works on a package.
func (m *Manager) atRest(name string) bool {
	m.st.Lock()
	defer m.st.Unlock()
	return m.busy(name) == nil
}

// awaitBoot waits until the services that a start of pkgd brings back are up:
// a resumed refresh must not judge before.
func (m *Manager) awaitBoot(ctx context.Context, name string) error {
	up, ok := m.booting[name]
	if !ok {
		return nil
	}
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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

// expire deletes what reverts set aside when its seven days are over; it looks
// once a day, and at the start. What is left is written down after each look:
// a host that is cut from power must not begin the seven days anew.
func (m *Manager) expire(ctx context.Context) {
	day := time.NewTicker(24 * time.Hour)
	defer day.Stop()
	for {
		err := m.disk.ExpireAside(osutil.BootID(), osutil.Uptime())
		if err = errors.Join(err, m.disk.NoteAside()); err != nil {
			m.log.Error("cannot delete what was set aside", "error", err)
		}
		select {
		case <-day.C:
		case <-ctx.Done():
			return
		}
	}
}
