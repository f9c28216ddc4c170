package pkgstate

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkginfo"
)

// services lists a package's services, or the one that is named.
func (p *packageState) services(name string, one, all bool) ([]wantedService, error) {
	var found []wantedService
	var known []string
	for _, svc := range p.current().Info.Services {
		known = append(known, svc.Name)
		if !one || svc.Name == name {
			w := p.Services[svc.Name]
			found = append(found, wantedService{pkg: p.Name, name: svc.Name, enabled: w == nil || !w.Disabled})
		}
	}
	if len(found) > 0 || !one && (all || len(known) == 0) {
		return found, nil
	}
	e := &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("package %q has no service %q", p.Name, name)}
	if near := pkginfo.Nearest(name, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) > 0 {
		e.Hint = fmt.Sprintf("it has: %v", known)
	}
	return nil, e
}

// Exec answers with what it takes to run an app: its command, and the same
// environment as a service's, with a cookie that lives for a day.
func (m *Manager) Exec(req api.ExecRequest) (api.Exec, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(req.Package)
	if err != nil {
		return api.Exec{}, err
	}
	r := p.current()
	i := slices.IndexFunc(r.Info.Apps, func(a pkginfo.App) bool { return a.Name == req.App })
	if i < 0 {
		return api.Exec{}, noSuchApp(p, req.App)
	}
	hp := m.hookPackage(p, r)
	command, err := m.command(hp, r.Info.Apps[i].Command)
	if err != nil {
		return api.Exec{}, err
	}
	spec := hookrunner.Spec{Package: p.Name, Revision: r.Number, App: req.App, UID: m.uidOf("")}
	hctx, cookie, err := m.runner.Contexts().Open(spec)
	if err != nil {
		return api.Exec{}, err
	}
	time.AfterFunc(24*time.Hour, hctx.Close)
	return api.Exec{Command: command, Dir: hp.Root, Env: m.runner.Environment(hp, cookie, "", "")}, nil
}

func noSuchApp(p *packageState, app string) error {
	var known []string
	for _, a := range p.current().Info.Apps {
		known = append(known, a.Name)
	}
	e := &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("package %q has no app %q", p.Name, app)}
	if near := pkginfo.Nearest(app, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}

// Okay dismisses the warnings last given up to a time and says how many.
func (m *Manager) Okay(until time.Time) int {
	m.st.Lock()
	defer m.st.Unlock()
	return m.st.OkayWarnings(until)
}

// RevisionTree is where a package's current revision lies, for lint.
func (m *Manager) RevisionTree(name string) (string, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return "", err
	}
	return filepath.Clean(m.dirs.Revision(name, p.Current)), nil
}
