package pkgstate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/confdoc"
	"pkgd.io/pkgd/overlord/state"
)

// Config reads a package's configuration: the whole of it when no keys are
// named, one key's value, or an object of several. An unset key is an
// *api.Error of kind unset.
func (m *Manager) Config(name string, keys []string) (json.RawMessage, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return nil, err
	}
	doc, err := m.config(name, p.Current)
	if err != nil || len(keys) == 0 {
		return doc, err
	}
	values := map[string]json.RawMessage{}
	for _, key := range keys {
		v, ok, err := confdoc.Get(doc, key)
		if err != nil {
			return nil, badRequest("%v", err)
		}
		if !ok {
			return nil, &api.Error{Kind: api.ErrUnset, Message: fmt.Sprintf("package %q has no value for %q", name, key), Hint: fmt.Sprintf("see what it has: pkgd get %s", name)}
		}
		values[key] = v
	}
	if len(keys) == 1 {
		return values[keys[0]], nil
	}
	return json.Marshal(values)
}

// SetConfig begins a change in which the configure hook sees the new values;
// they are kept when it succeeds.
func (m *Manager) SetConfig(_ context.Context, name string, patch api.ConfigRequest) (string, error) {
	if len(patch) == 0 {
		return "", badRequest("no key is named")
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return "", err
	}
	if err := m.checkConflict(name); err != nil {
		return "", err
	}
	doc, err := m.config(name, p.Current)
	if err != nil {
		return "", err
	}
	if _, err := confdoc.Patch(doc, patch); err != nil {
		return "", badRequest("%v", err)
	}
	s := &setup{Kind: "configure", Package: name, From: p.Current, To: p.Current, FromVersion: p.version(p.Current), ToVersion: p.version(p.Current)}
	task := m.st.NewTask("run-hook", fmt.Sprintf("Run hook configure of %q", name))
	task.Set("package", name)
	task.Set("hook", "configure")
	task.Set("patch", patch)
	return m.singleChange(s, task), nil
}

// singleChange makes a change of tasks in one lane. The state is locked.
func (m *Manager) singleChange(s *setup, tasks ...*state.Task) string {
	chg := m.st.NewChange(s.Kind, summary([]*setup{s}))
	chg.Set("packages", []string{s.Package})
	s.Lane = m.st.NewLane()
	chg.Set(setupKey(s.Package), s)
	for _, t := range tasks {
		t.JoinLane(s.Lane)
		chg.AddTask(t)
	}
	m.st.EnsureBefore(0)
	return chg.ID()
}

// ServiceAction begins a change that starts, stops or restarts services, named
// as PACKAGE or PACKAGE.SERVICE.
func (m *Manager) ServiceAction(_ context.Context, req api.ServiceRequest) (string, error) {
	if err := checkServiceAction(req); err != nil {
		return "", err
	}
	wanted, err := m.wantedServices(req.Names)
	if err != nil {
		return "", err
	}
	if len(wanted) == 0 {
		return "", &api.Error{Kind: api.ErrNotFound, Message: strings.Join(req.Names, ", ") + ": no services there to " + req.Action}
	}
	m.st.Lock()
	defer m.st.Unlock()
	byPackage := map[string][]string{}
	var pkgs []string
	for _, w := range wanted {
		if byPackage[w.pkg] == nil {
			pkgs = append(pkgs, w.pkg)
		}
		byPackage[w.pkg] = append(byPackage[w.pkg], w.name)
	}
	if err := m.checkConflict(pkgs...); err != nil {
		return "", err
	}
	chg := m.st.NewChange("services", fmt.Sprintf("%s services of %s", strings.ToUpper(req.Action[:1])+req.Action[1:], strings.Join(quoted(pkgs), ", ")))
	chg.Set("packages", pkgs)
	for _, pkg := range pkgs {
		m.addServiceTask(chg, pkg, byPackage[pkg], req)
	}
	m.st.EnsureBefore(0)
	return chg.ID(), nil
}

func (m *Manager) addServiceTask(chg *state.Change, pkg string, names []string, req api.ServiceRequest) {
	p, err := loadPackage(m.st, pkg)
	if err != nil {
		p = &packageState{Name: pkg}
	}
	s := &setup{Kind: "services", Package: pkg, From: p.Current, To: p.Current, Lane: m.st.NewLane()}
	chg.Set(setupKey(pkg), s)
	t := m.st.NewTask("service-command", fmt.Sprintf("%s %s of %q", req.Action, strings.Join(names, ", "), pkg))
	t.Set("package", pkg)
	t.Set("command", serviceCommand{Action: req.Action, Names: names, Enable: req.Enable, Disable: req.Disable})
	t.JoinLane(s.Lane)
	chg.AddTask(t)
}

func checkServiceAction(req api.ServiceRequest) error {
	switch {
	case !slices.Contains([]string{"start", "stop", "restart"}, req.Action):
		return badRequest("unknown action %q; known: start, stop, restart", req.Action)
	case req.Enable && req.Action != "start":
		return badRequest("enable goes with start only")
	case req.Disable && req.Action != "stop":
		return badRequest("disable goes with stop only")
	case len(req.Names) == 0:
		return badRequest("no service to %s is named", req.Action)
	}
	return nil
}

// serviceCommand is what a service-command task carries out.
type serviceCommand struct {
	Action  string   `json:"action"`
	Names   []string `json:"names"`
	Enable  bool     `json:"enable,omitempty"`
	Disable bool     `json:"disable,omitempty"`
}

func (m *Manager) doServiceCommand(ctx context.Context, t *state.Task) error {
	m.st.Lock()
	var cmd serviceCommand
	err := t.Get("command", &cmd)
	name := taskPackage(t)
	m.st.Unlock()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	rev, err := m.currentRevision(name)
	if err != nil {
		return err
	}
	return m.commandServices(ctx, t, name, rev, cmd)
}

// commandServices first writes down what is wanted, then sees to it: a crash in
// between ends as asked. t is the task that does so, if any.
func (m *Manager) commandServices(ctx context.Context, t *state.Task, name string, rev int, cmd serviceCommand) error {
	if err := m.wish(name, cmd); err != nil {
		return err
	}
	if cmd.Action != "start" {
		if err := m.stopNamed(ctx, t, name, cmd.Names); err != nil {
			return fmt.Errorf("cannot stop services of %q: %w", name, err)
		}
	}
	if cmd.Disable {
		if err := m.svc.Disable(ctx, name, cmd.Names); err != nil {
			return fmt.Errorf("cannot disable services of %q: %w", name, err)
		}
	}
	if cmd.Action == "stop" {
		m.st.Lock()
		for _, svc := range cmd.Names {
			m.closeService(name, svc)
		}
		m.st.Unlock()
		return m.retrack(name)
	}
	// Two starts at once would each give a service a cookie: it would keep the one
	// that is not known any more.
	if err := m.awaitBoot(ctx, t, name); err != nil {
		return err
	}
	if err := m.startServices(ctx, name, rev, cmd.Names); err != nil {
		return fmt.Errorf("cannot start services of %q: %w", name, err)
	}
	if err := m.retrack(name); err != nil {
		return err
	}
	return m.mustRun(ctx, name, cmd.Names)
}

func (m *Manager) currentRevision(name string) (int, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return 0, err
	}
	return p.Current, nil
}

// wish records how services are wanted from now on.
func (m *Manager) wish(name string, cmd serviceCommand) error {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return err
	}
	for _, svc := range cmd.Names {
		w := p.wish(svc)
		w.Stopped = cmd.Action == "stop"
		if cmd.Enable {
			w.Disabled = false
		}
		if cmd.Disable {
			w.Disabled = true
		}
	}
	m.save(p)
	return nil
}

// retrack tells healthstate which services should be up now. In a change of the
// package its tasks do that.
func (m *Manager) retrack(name string) error {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	m.st.Unlock()
	if err != nil || !p.installed() {
		return err
	}
	return m.track(name, false)
}

// mustRun fails for a service that was asked to start and is not up: unlike in a
// refresh, nobody else will say so.
func (m *Manager) mustRun(ctx context.Context, name string, names []string) error {
	all, err := m.svc.Status(ctx, name)
	if err != nil {
		return fmt.Errorf("cannot ask for the services of %q: %w", name, err)
	}
	for _, s := range all {
		if slices.Contains(names, s.Name) && s.State == "failed" {
			return fmt.Errorf("service %s.%s did not start: %s", name, s.Name, s.Detail)
		}
	}
	return nil
}

// wantedServices resolves PACKAGE and PACKAGE.SERVICE to services; no names are
// all services of all packages.
func (m *Manager) wantedServices(names []string) ([]wantedService, error) {
	m.st.Lock()
	defer m.st.Unlock()
	all := names
	if len(names) == 0 {
		all = m.names()
	}
	var wanted []wantedService
	for _, n := range all {
		pkg, svc, one := strings.Cut(n, ".")
		p, err := m.loadInstalled(pkg)
		if err != nil {
			return nil, err
		}
		found, err := p.services(svc, one, len(names) == 0)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, found...)
	}
	return wanted, nil
}
