package pkgstate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
)

// hookPackage is what the hook runner needs to know of a revision.
func (m *Manager) hookPackage(p *packageState, r *revision) hookrunner.Package {
	return hookrunner.Package{
		Name: p.Name, Revision: r.Number, Version: r.Version,
		Root: m.dirs.Revision(p.Name, r.Number), Data: m.dirs.DataRevision(p.Name, p.dataRevision(r.Number)),
		Common: m.dirs.DataCommon(p.Name), Tmp: m.dirs.Tmp(p.Name), Confinement: r.Info.Confinement,
	}
}

// target is what healthstate needs to know of a revision.
func (m *Manager) target(p *packageState, r *revision) healthstate.Target {
	h := r.Info.Health
	t := healthstate.Target{
		Package: m.hookPackage(p, r), Hook: r.Health, Plugins: r.Plugins,
		User: r.Info.Hooks["check-health"].User, Rollup: h.Rollup,
		HasServices: len(r.Info.Services) > 0, Services: wishedUp(p, r),
	}
	if h.Timeout != nil {
		t.Timeout = *h.Timeout
	}
	if h.Interval != nil {
		t.Interval = *h.Interval
	}
	return t
}

// wishedUp names the services that the admin wants to run.
func wishedUp(p *packageState, r *revision) []string {
	var up []string
	for _, svc := range r.Info.Services {
		if w := p.Services[svc.Name]; w == nil || !w.Stopped {
			up = append(up, svc.Name)
		}
	}
	return up
}

// units builds what the service manager starts: the named services of a
// revision, each with a cookie of its own. The state is locked.
func (m *Manager) units(p *packageState, r *revision, names []string) ([]service.Unit, error) {
	hp := m.hookPackage(p, r)
	env := m.runner.Environment(hp, "", "", "")
	var units []service.Unit
	for _, svc := range r.Info.Services {
		if !slices.Contains(names, svc.Name) {
			continue
		}
		u, err := m.unit(hp, svc, env)
		if err != nil {
			return nil, err
		}
		w := p.wish(svc.Name)
		u.Enabled = !w.Disabled
		if u.Cookie, err = m.serviceCookie(p, r, svc, w); err != nil {
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}

func (m *Manager) unit(hp hookrunner.Package, svc pkginfo.Service, env []string) (service.Unit, error) {
	command, err := m.command(hp, svc.Command)
	if err != nil {
		return service.Unit{}, fmt.Errorf("service %q: %w", svc.Name, err)
	}
	stop, err := m.command(hp, svc.StopCommand)
	if err != nil {
		return service.Unit{}, fmt.Errorf("service %q: %w", svc.Name, err)
	}
	own := slices.Clone(env)
	for k, v := range svc.Environment {
		own = append(own, k+"="+v)
	}
	slices.Sort(own[len(env):])
	return service.Unit{
		Package: hp.Name, Revision: hp.Revision, Name: svc.Name, Command: command, StopCommand: stop,
		Restart: svc.Restart, After: svc.After, Env: own, Dir: hp.Root, User: svc.User, Ready: svc.Ready,
		Confine: service.Confinement{
			None: hp.Confinement == "none", Root: hp.Root, Data: hp.Data, Common: hp.Common, Tmp: hp.Tmp,
		},
		Limits: service.Limits(svc.Limits),
	}, nil
}

// command splits a manifest's command and makes its program absolute.
func (m *Manager) command(hp hookrunner.Package, line string) ([]string, error) {
	if line == "" {
		return nil, nil
	}
	words, err := pkginfo.SplitCommand(line)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(words[0]) {
		words[0] = filepath.Join(hp.Root, words[0])
	}
	return words, nil
}

// serviceCookie opens the context in which a service may speak to ctl. The old
// cookie dies: a service that is started again is another speaker.
func (m *Manager) serviceCookie(p *packageState, r *revision, svc pkginfo.Service, w *svcWish) (string, error) {
	uid := uint32(os.Geteuid())
	if svc.User != "" {
		u, err := osutil.LookupUser(svc.User)
		if err != nil {
			return "", err
		}
		uid = u.UID
	}
	m.closeService(p.Name, svc.Name)
	spec := hookrunner.Spec{Package: p.Name, Revision: r.Number, App: svc.Name, UID: uid}
	hctx, cookie, err := m.runner.Contexts().Open(spec)
	if err != nil {
		return "", err
	}
	m.speakers[service.ID(p.Name, svc.Name)] = hctx
	w.Cookie = hookrunner.Hash(cookie)
	return cookie, nil
}

// closeService ends the context of a service. The state is locked.
func (m *Manager) closeService(pkg, name string) {
	id := service.ID(pkg, name)
	if hctx := m.speakers[id]; hctx != nil {
		hctx.Close()
		delete(m.speakers, id)
	}
}

// startServices starts the named services of a revision (all that the admin
// wants up when names is nil) and waits until they are ready or have failed.
// Asking for what runs already is harmless.
func (m *Manager) startServices(ctx context.Context, name string, rev int, names []string) error {
	// Not to know what runs is no reason to go on: it would get a new cookie here,
	// and keep its old one.
	have, err := m.svc.Status(ctx, name)
	if err != nil {
		return fmt.Errorf("cannot ask for the services of %q: %w", name, err)
	}
	units, err := m.unitsToStart(name, rev, names, have)
	if err != nil || len(units) == 0 {
		return err
	}
	return m.svc.Start(ctx, units)
}

func (m *Manager) unitsToStart(name string, rev int, names []string, have []service.Status) ([]service.Unit, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return nil, err
	}
	r := p.Revisions[rev]
	if r == nil {
		return nil, nil
	}
	if names == nil {
		names = wishedUp(p, r)
	}
	units, err := m.units(p, r, m.notRunning(p, r, names, have))
	m.save(p)
	return units, err
}

// notRunning leaves out the services that run with this revision already. Those
// that outlived the last pkgd (systemd's do) may speak to ctl again: what was
// kept of their cookie is the hash. The state is locked.
func (m *Manager) notRunning(p *packageState, r *revision, names []string, have []service.Status) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		runs := slices.ContainsFunc(have, func(s service.Status) bool {
			return s.Name == n && s.Revision == r.Number && s.State == service.Active && !s.Ending
		})
		return runs && m.speaks(p, r, n)
	})
}

// speaks sees to it that a running service's cookie is known. One whose cookie
// is lost has to be started again.
func (m *Manager) speaks(p *packageState, r *revision, name string) bool {
	id := service.ID(p.Name, name)
	if m.speakers[id] != nil {
		return true
	}
	i := slices.IndexFunc(r.Info.Services, func(s pkginfo.Service) bool { return s.Name == name })
	w := p.Services[name]
	if i < 0 || w == nil || w.Cookie == "" {
		return false
	}
	spec := hookrunner.Spec{Package: p.Name, Revision: r.Number, App: name, UID: m.uidOf(r.Info.Services[i].User)}
	m.speakers[id] = m.runner.Contexts().OpenHashed(w.Cookie, spec)
	return true
}

// statusTimeout bounds what is asked of a service manager under the state lock.
const statusTimeout = time.Second

// stopServices ends all services of a package, and with them their cookies.
func (m *Manager) stopServices(ctx context.Context, name string) error {
	if err := m.svc.Stop(ctx, name, nil); err != nil {
		return err
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return err
	}
	for svc := range p.Services {
		m.closeService(name, svc)
	}
	return nil
}

// running names the services of a package that are up now.
func (m *Manager) running(ctx context.Context, name string) ([]string, error) {
	all, err := m.svc.Status(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the services of %q: %w", name, err)
	}
	var up []string
	for _, s := range all {
		if s.State == service.Active {
			up = append(up, s.Name)
		}
	}
	return up, nil
}
