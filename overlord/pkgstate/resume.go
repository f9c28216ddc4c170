package pkgstate

import (
	"context"
	"errors"
	"fmt"
	"time"

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
