package pkgstate

import (
	"context"
	"fmt"
	"slices"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// List tells of all installed packages, by name.
func (m *Manager) List() []api.Package {
	m.st.Lock()
	defer m.st.Unlock()
	list := []api.Package{}
	for _, p := range m.installed() {
		list = append(list, m.row(p))
	}
	return list
}

func (m *Manager) row(p *packageState) api.Package {
	row := api.Package{
		Name: p.Name, Version: p.version(p.Current), Revision: p.Current, Digest: p.digest(p.Current),
		Held: p.Hold != nil && p.Hold.active(), Status: "unknown",
	}
	if rec, ok := m.health.Record(p.Name); ok {
		row.Status = rec.Status
	}
	return row
}

// Info tells all there is to tell of one installed package.
func (m *Manager) Info(name string) (api.PackageInfo, error) {
	services, err := m.Services([]string{name})
	if err != nil {
		return api.PackageInfo{}, err
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return api.PackageInfo{}, err
	}
	r := p.current()
	info := api.PackageInfo{
		Package: m.row(p), Summary: r.Info.Summary, Channel: p.Channel, Services: services,
		Hooks: append([]string{}, r.Hooks...), Apps: []string{}, Versioned: r.Info.Versioned, InstalledAt: &r.InstalledAt,
	}
	for _, app := range r.Info.Apps {
		info.Apps = append(info.Apps, app.Name)
	}
	if p.Hold != nil && p.Hold.active() {
		info.HeldUntil = p.Hold.Until
	}
	if p.Question != nil {
		info.Question = p.Question.Text
	}
	if chg := m.busy(name); chg != nil {
		info.Change = chg.ID()
	}
	info.Revisions, err = m.revisionRows(p)
	return info, err
}

// revisionRows lists what is on the disk and what is refused, newest first.
func (m *Manager) revisionRows(p *packageState) ([]api.RevisionInfo, error) {
	rs, err := m.refusals(p.Name)
	if err != nil {
		return nil, err
	}
	rows := []api.RevisionInfo{}
	for n, r := range p.Revisions {
		row := api.RevisionInfo{Revision: n, Version: r.Version, Digest: r.Digest, State: "kept"}
		if n == p.Current {
			row.State = "current"
		} else if ref, ok := rs[r.Digest]; ok {
			row.State, row.RefusedUntil = "refused", ref.until()
		}
		rows = append(rows, row)
	}
	for _, ref := range rs {
		if p.Revisions[ref.Revision] == nil {
			rows = append(rows, api.RevisionInfo{
				Revision: ref.Revision, Version: ref.Version, Digest: ref.Digest, State: "refused", RefusedUntil: ref.until(),
			})
		}
	}
	slices.SortFunc(rows, func(a, b api.RevisionInfo) int { return b.Revision - a.Revision })
	return rows, nil
}

// Services tells of the services of the named packages (NAME or NAME.SERVICE),
// of all when none is named.
func (m *Manager) Services(names []string) ([]api.Service, error) {
	wanted, err := m.wantedServices(names)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	seen, err := m.svc.Status(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("cannot ask for services: %w", err)
	}
	list := []api.Service{}
	for _, w := range wanted {
		list = append(list, w.shown(seen))
	}
	return list, nil
}

// wantedService is one service that a request names.
type wantedService struct {
	pkg, name string
	enabled   bool
}

func (w wantedService) shown(seen []service.Status) api.Service {
	s := api.Service{Package: w.pkg, Name: w.name, State: service.Inactive, Enabled: w.enabled}
	for _, st := range seen {
		if st.Package == w.pkg && st.Name == w.name {
			s.State, s.Restarts, s.PID, s.Detail = st.State, st.Restarts, st.PID, st.Detail
		}
	}
	return s
}

// Changes lists all changes that are remembered, newest first.
func (m *Manager) Changes() []api.Change {
	m.st.Lock()
	defer m.st.Unlock()
	list := []api.Change{}
	for _, chg := range m.st.Changes() {
		list = append(list, m.changeRow(chg))
	}
	slices.Reverse(list) // newest first by number: a wall clock may have jumped in between
	return list
}

func (m *Manager) changeRow(chg *state.Change) api.Change {
	row := api.Change{
		ID: chg.ID(), Kind: chg.Kind(), Summary: chg.Summary(), Status: chg.Status().String(),
		Ready: chg.IsReady(), SpawnedAt: chg.SpawnTime(), Packages: changePackages(chg),
	}
	if row.Ready {
		at := chg.ReadyTime()
		row.ReadyAt = &at
	}
	if err := chg.Err(); err != nil {
		row.Err = err.Error()
	}
	return row
}

// Change tells of one change with its tasks and outcomes.
func (m *Manager) Change(id string) (api.Change, error) {
	m.st.Lock()
	defer m.st.Unlock()
	chg := m.st.Change(id)
	if chg == nil {
		return api.Change{}, &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("there is no change %q", id), Hint: "see them all: pkgd changes"}
	}
	return m.fullChange(chg), nil
}

func (m *Manager) fullChange(chg *state.Change) api.Change {
	row := m.changeRow(chg)
	row.Tasks = []api.Task{}
	for _, t := range chg.Tasks() {
		row.Tasks = append(row.Tasks, taskRow(t))
	}
	for key, into := range map[string]any{"plan": &row.Plan, "outcomes": &row.Outcomes} {
		if chg.Has(key) {
			if err := chg.Get(key, into); err != nil {
				m.log.Error("cannot read a change", "change", chg.ID(), "key", key, "error", err)
			}
		}
	}
	m.completePlan(chg, row.Plan)
	return row
}

// completePlan adds the revision numbers that were given after the plan was made.
func (m *Manager) completePlan(chg *state.Change, plan []api.PlanItem) {
	for i := range plan {
		var s setup
		if err := chg.Get(setupKey(plan[i].Package), &s); err == nil {
			plan[i].To = s.To
		}
	}
}

func taskRow(t *state.Task) api.Task {
	row := api.Task{
		ID: t.ID(), Kind: t.Kind(), Summary: t.Summary(), Status: t.Status().String(),
		Log: append([]string{}, t.Log()...), Package: taskPackage(t), Lanes: t.Lanes(), SpawnedAt: t.SpawnTime(),
		Doing: t.DoingTime().Seconds(), Undoing: t.UndoingTime().Seconds(),
	}
	for _, w := range t.WaitTasks() {
		row.WaitFor = append(row.WaitFor, w.ID())
	}
	if t.Has("result") {
		_ = t.Get("result", &row.Result) // set by Manager.result alone, as a string
	}
	if t.Status().Ready() {
		at := t.ReadyTime()
		row.ReadyAt = &at
	}
	if label, done, total := t.Progress(); total > 0 {
		row.Progress = &api.Progress{Label: label, Done: done, Total: total}
	}
	return row
}

// WaitChange waits until a change is ready or ctx ends.
func (m *Manager) WaitChange(ctx context.Context, id string) (api.Change, error) {
	m.st.Lock()
	chg := m.st.Change(id)
	m.st.Unlock()
	if chg == nil {
		return m.Change(id)
	}
	select {
	case <-chg.Ready():
		return m.Change(id)
	case <-ctx.Done():
		return api.Change{}, context.Cause(ctx)
	}
}

// Abort undoes what a change has done so far for the packages that it is not
// done with.
func (m *Manager) Abort(id string) error {
	m.st.Lock()
	defer m.st.Unlock()
	chg := m.st.Change(id)
	switch {
	case chg == nil:
		return &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("there is no change %q", id), Hint: "see them all: pkgd changes"}
	case chg.IsReady():
		return &api.Error{Kind: api.ErrConflict, Message: fmt.Sprintf("change %s has ended already (%s)", id, chg.Status())}
	}
	var lanes []int
	for _, name := range changePackages(chg) {
		var s setup
		if err := chg.Get(setupKey(name), &s); err != nil {
			return fmt.Errorf("cannot read change %s: %w", id, err)
		}
		if m.laneReady(chg, s.Lane) || givesUp(chg, s.Lane) {
			continue
		}
		sto := changeStory(chg, name)
		sto.Aborted = true
		chg.Set(storyKey(name), sto)
		lanes = append(lanes, s.Lane)
	}
	if len(lanes) == 0 {
		return &api.Error{Kind: api.ErrConflict, Message: fmt.Sprintf("change %s can no longer be undone: it is all but done", id)}
	}
	chg.AbortLanes(lanes)
	m.st.EnsureBefore(0)
	return nil
}

// givesUp tells whether a lane has begun to give up what an undo would want back.
func givesUp(chg *state.Change, lane int) bool {
	return slices.ContainsFunc(chg.Tasks(), func(t *state.Task) bool {
		last := slices.Contains([]string{"discard-revisions", "set-aside-data", "delete-package"}, t.Kind())
		begun := t.Status() == state.DoingStatus || t.Status() == state.DoneStatus
		return last && begun && slices.Contains(t.Lanes(), lane)
	})
}

// Warnings lists what a person should know of.
func (m *Manager) Warnings() []api.Warning {
	m.st.Lock()
	defer m.st.Unlock()
	list := []api.Warning{}
	for _, w := range m.st.Warnings() {
		list = append(list, api.Warning{
			ID: w.ID, Package: w.Subject, Code: w.Code, Message: w.Message, First: w.First, Last: w.Last, Count: w.Count,
		})
	}
	return list
}
