package pkgstate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// Do carries out what an admin asks of packages. It answers with the id of the
// change that was begun, or none where nothing has to be done, and with lines
// for people. Refusals are *api.Error.
func (m *Manager) Do(ctx context.Context, req api.PackageRequest) (string, api.PackageResult, error) {
	if req.Transaction != "" && req.Transaction != "all" {
		return "", api.PackageResult{}, badRequest("unknown transaction %q; the only one is \"all\"", req.Transaction)
	}
	if twice := firstTwice(req.Targets); twice != "" {
		return "", api.PackageResult{}, badRequest("%q is named twice", twice)
	}
	switch req.Action {
	case "install":
		return m.doArrive(ctx, req, true)
	case "refresh":
		return m.doArrive(ctx, req, false)
	case "revert":
		return m.doRevert(req)
	case "remove":
		return m.doRemove(req)
	case "hold", "unhold":
		return m.doHold(req)
	case "accept":
		return m.doAccept(req)
	}
	return "", api.PackageResult{}, badRequest("unknown action %q; known: install, refresh, revert, remove, hold, unhold, accept", req.Action)
}

func badRequest(format string, args ...any) error {
	return &api.Error{Kind: api.ErrBadRequest, Message: fmt.Sprintf(format, args...)}
}

func firstTwice(words []string) string {
	for i, w := range words {
		if slices.Contains(words[:i], w) {
			return w
		}
	}
	return ""
}

// doArrive is install and refresh: content comes from a path or a store. What is
// slow (reading and hashing it) happens before the state is locked; fetch and
// verify do it again on pkgd's own copy, because a path may change meanwhile.
func (m *Manager) doArrive(ctx context.Context, req api.PackageRequest, install bool) (string, api.PackageResult, error) {
	if install && len(req.Targets) == 0 {
		return "", api.PackageResult{}, badRequest("nothing to install is named")
	}
	var found []*setup
	var res api.PackageResult
	var err error
	if len(req.Targets) == 0 {
		found, res.Messages, err = m.lookForUpdates(ctx, req)
	} else {
		found, err = m.resolve(ctx, req, install)
	}
	if err != nil {
		return "", res, err
	}
	if twice := firstTwice(setupNames(found)); twice != "" {
		return "", res, badRequest("package %q is named twice", twice)
	}

	m.st.Lock()
	defer m.st.Unlock()
	var todo []*setup
	for _, s := range found {
		reason, err := m.prepare(s, req, install)
		if err != nil {
			return "", res, err
		}
		res.Plan = append(res.Plan, planItem(s, reason))
		if reason != "" {
			res.Messages = append(res.Messages, reason)
			continue
		}
		todo = append(todo, s)
	}
	if req.DryRun || len(todo) == 0 {
		return "", res, nil
	}
	if err := m.checkConflict(setupNames(todo)...); err != nil {
		return "", res, err
	}
	return m.newChange(todo, req.Transaction == "all"), res, nil
}

func setupNames(setups []*setup) []string {
	names := make([]string, len(setups))
	for i, s := range setups {
		names[i] = s.Package
	}
	return names
}

// prepare completes a setup from what is installed. A reason is why nothing has
// to be done. The state is locked.
func (m *Manager) prepare(s *setup, req api.PackageRequest, install bool) (reason string, err error) {
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return "", err
	}
	if install {
		return "", m.prepareInstall(s, p)
	}
	if !p.installed() {
		return "", m.notInstalledYet(s)
	}
	s.Kind, s.From, s.FromVersion, s.DataFrom = "refresh", p.Current, p.version(p.Current), p.Current
	s.NoRevert = req.NoRevert
	if p.digest(p.Current) == s.Digest {
		if len(req.Targets) > 0 { // a refresh that awaits its verdict may still be taken back
			if err := m.checkConflict(s.Package); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%s %s (revision %d) runs already: nothing to do", s.Package, s.ToVersion, p.Current), nil
	}
	if p.Hold != nil && p.Hold.active() && len(req.Targets) == 0 {
		return fmt.Sprintf("%s is held", s.Package), nil
	}
	rs, err := m.refusals(s.Package)
	if err != nil {
		return "", err
	}
	if r, ok := rs[s.Digest]; ok && !req.RetryRefused && r.holds() {
		if len(req.Targets) == 0 {
			return fmt.Sprintf("%s %s is refused: pkgd why %s", s.Package, s.ToVersion, s.Package), nil
		}
		return "", refusedError(s.Package, cmp.Or(s.Path, s.Package), r)
	}
	return "", nil
}

func (m *Manager) prepareInstall(s *setup, p *packageState) error {
	if p.installed() {
		hint := "update it: pkgd refresh " + s.Package
		if s.Path != "" {
			hint = "update it: pkgd refresh " + s.Path
		}
		return &api.Error{
			Kind:    api.ErrAlreadyInstalled,
			Message: fmt.Sprintf("package %q is already installed (%s, revision %d)", s.Package, p.version(p.Current), p.Current),
			Hint:    hint,
		}
	}
	s.Kind, s.DataFrom = "install", p.LeftData
	return nil
}

func (m *Manager) notInstalledYet(s *setup) error {
	err := m.notInstalled(s.Package).(*api.Error)
	if s.Path != "" {
		err.Hint = "install it: pkgd install " + s.Path
	}
	return err
}

func planItem(s *setup, reason string) api.PlanItem {
	item := api.PlanItem{
		Package: s.Package, Action: s.Kind, From: s.From, To: s.To,
		FromVersion: s.FromVersion, ToVersion: s.ToVersion, Reason: reason,
	}
	if reason != "" {
		item.Action = "nothing"
	}
	return item
}

// newChange makes one change with a lane for each setup, or one for all. The
// state is locked.
func (m *Manager) newChange(setups []*setup, together bool) string {
	chg := m.st.NewChange(setups[0].Kind, summary(setups))
	chg.Set("packages", setupNames(setups))
	lane := 0
	var lanes []*lanePlan
	for _, s := range setups {
		if lane == 0 || !together {
			lane = m.st.NewLane()
		}
		s.Lane, s.Together = lane, together && len(setups) > 1
		s.Stage = "change-" + chg.ID() + "-" + s.Package
		chg.Set(setupKey(s.Package), s)
		lanes = append(lanes, m.plan(s))
	}
	for _, l := range lanes {
		l.work.JoinLane(l.setup.Lane)
		chg.AddAll(l.work)
	}
	for _, l := range lanes {
		if l.last == nil {
			continue
		}
		l.last.JoinLane(l.setup.Lane)
		waitForVerdicts(l, lanes)
		chg.AddTask(l.last)
	}
	var plan []api.PlanItem
	for _, s := range setups {
		plan = append(plan, planItem(s, ""))
	}
	chg.Set("plan", plan)
	m.st.EnsureBefore(0)
	return chg.ID()
}

// waitForVerdicts puts the discarding of old revisions after every verdict that
// could still want them back.
func waitForVerdicts(l *lanePlan, all []*lanePlan) {
	for _, other := range all {
		if other == l || l.setup.Together {
			tasks := other.work.Tasks()
			l.last.WaitFor(tasks[len(tasks)-1])
		}
	}
}

func summary(setups []*setup) string {
	verb := map[string]string{
		"install": "Install", "refresh": "Refresh", "revert": "Revert", "remove": "Remove",
		"configure": "Configure", "services": "Change services of",
	}[setups[0].Kind]
	return verb + " " + strings.Join(quoted(setupNames(setups)), ", ")
}

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return q
}

// lanePlan is one package's tasks: work in order, and last, which gives up what
// the work might have wanted back.
type lanePlan struct {
	setup *setup
	work  *state.TaskSet
	last  *state.Task
	tail  *state.Task
	m     *Manager
}

func (m *Manager) plan(s *setup) *lanePlan {
	l := &lanePlan{m: m, setup: s, work: state.NewTaskSet()}
	switch s.Kind {
	case "install":
		l.planInstall()
	case "refresh":
		l.planRefresh()
	case "revert":
		l.planRevert()
	case "remove":
		l.planRemove()
	}
	return l
}

// add puts one more task at the end of the lane's work.
func (l *lanePlan) add(kind, format string, args ...any) *state.Task {
	t := l.task(kind, format, args...)
	if l.tail != nil {
		t.WaitFor(l.tail)
	}
	l.tail = t
	l.work.AddTask(t)
	return t
}

func (l *lanePlan) task(kind, format string, args ...any) *state.Task {
	t := l.m.st.NewTask(kind, fmt.Sprintf(format, args...))
	t.Set("package", l.setup.Package)
	return t
}

func (l *lanePlan) hook(name string) {
	l.add("run-hook", "Run hook %s of %q", name, l.setup.Package).Set("hook", name)
}

func (l *lanePlan) planContent() {
	name := l.setup.Package
	l.add("fetch-package", "Fetch package %q", name)
	l.add("verify-package", "Verify package %q", name)
	l.add("unpack-package", "Unpack package %q", name)
}

func (l *lanePlan) planInstall() {
	name := l.setup.Package
	l.planContent()
	l.add("copy-data", "Prepare data of package %q", name)
	l.add("link-package", "Make package %q available", name)
	l.hook("install")
	l.hook("configure")
	l.add("start-services", "Start services of package %q", name)
	l.add("await-verdict", "Await the health of package %q", name)
}

// planRefresh follows design §3: everything slow comes while the old revision
// still serves.
func (l *lanePlan) planRefresh() {
	name := l.setup.Package
	l.planContent()
	l.add("copy-data", "Copy data of package %q", name)
	l.add("check-health-before", "Check health of package %q before the switch", name)
	l.hook("pre-refresh")
	l.add("stop-services", "Stop services of package %q", name)
	l.add("snapshot-data", "Snapshot data of package %q", name)
	l.add("link-package", "Switch package %q to the new revision", name)
	l.add("start-services", "Start services of package %q", name)
	l.hook("post-refresh")
	l.add("await-verdict", "Await the verdict on package %q", name)
	l.last = l.task("discard-revisions", "Discard old revisions of package %q", name)
}

func (l *lanePlan) planRevert() {
	name := l.setup.Package
	l.add("check-health-before", "Check health of package %q before the switch", name)
	l.add("stop-services", "Stop services of package %q", name)
	l.add("link-package", "Switch package %q back", name)
	l.add("start-services", "Start services of package %q", name)
	l.add("await-verdict", "Check health of package %q after the switch", name)
	l.last = l.task("set-aside-data", "Set aside the data that package %q leaves", name)
}

func (l *lanePlan) planRemove() {
	name := l.setup.Package
	if l.setup.From != 0 {
		l.add("stop-services", "Stop services of package %q", name)
		l.hook("remove")
	}
	l.add("unlink-package", "Make package %q unavailable", name)
	l.last = l.task("delete-package", "Delete package %q", name)
}

func (m *Manager) doRevert(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) != 1 {
		return "", res, badRequest("revert takes one package, not %d", len(req.Targets))
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(req.Targets[0])
	if err != nil {
		return "", res, err
	}
	if err := m.checkConflict(p.Name); err != nil {
		return "", res, err
	}
	to, err := m.revertTarget(p, req.ToRevision)
	if err != nil {
		return "", res, err
	}
	s := &setup{
		Kind: "revert", Package: p.Name, Digest: to.Digest, From: p.Current, To: to.Number,
		FromVersion: p.version(p.Current), ToVersion: to.Version, OnDisk: true,
	}
	res.Plan = []api.PlanItem{planItem(s, "")}
	if req.DryRun {
		return "", res, nil
	}
	return m.newChange([]*setup{s}, false), res, nil
}

// revertTarget is the kept, unrefused revision that was current before, or the
// one that the admin names. The state is locked.
func (m *Manager) revertTarget(p *packageState, want int) (*revision, error) {
	rs, err := m.refusals(p.Name)
	if err != nil {
		return nil, err
	}
	if want != 0 {
		return namedRevision(p, rs, want)
	}
	for _, n := range slices.Backward(p.Before) {
		r := p.Revisions[n]
		if r == nil {
			continue
		}
		if _, refused := rs[r.Digest]; !refused {
			return r, nil
		}
	}
	return nil, &api.Error{
		Kind:    api.ErrNoRevision,
		Message: fmt.Sprintf("package %q has no earlier revision that is kept and not refused", p.Name),
		Hint:    "see what is kept: pkgd info " + p.Name,
	}
}

func namedRevision(p *packageState, rs refusals, want int) (*revision, error) {
	r := p.Revisions[want]
	e := &api.Error{Kind: api.ErrNoRevision, Hint: "see what is kept: pkgd info " + p.Name}
	switch {
	case want == p.Current:
		e.Message = fmt.Sprintf("package %q is at revision %d already", p.Name, want)
	case r == nil:
		e.Message = fmt.Sprintf("package %q keeps no revision %d", p.Name, want)
	default:
		if ref, refused := rs[r.Digest]; refused {
			return nil, refusedError(p.Name, p.Name, ref)
		}
		return r, nil
	}
	return nil, e
}

func (m *Manager) doRemove(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to remove is named")
	}
	m.st.Lock()
	defer m.st.Unlock()
	var setups []*setup
	for _, name := range req.Targets {
		p, err := m.loadRemovable(name, req.Purge)
		if err != nil {
			return "", res, err
		}
		setups = append(setups, &setup{
			Kind: "remove", Package: name, From: p.Current, FromVersion: p.version(p.Current), Purge: req.Purge,
		})
	}
	if err := m.checkConflict(req.Targets...); err != nil {
		return "", res, err
	}
	for _, s := range setups {
		res.Plan = append(res.Plan, planItem(s, ""))
	}
	if req.DryRun {
		return "", res, nil
	}
	return m.newChange(setups, req.Transaction == "all"), res, nil
}

// loadRemovable is loadInstalled, but that purge also takes what an earlier
// remove left behind. The state is locked.
func (m *Manager) loadRemovable(name string, purge bool) (*packageState, error) {
	p, err := loadPackage(m.st, name)
	if err != nil || p.installed() || purge && p.LeftData != 0 {
		return p, err
	}
	return nil, m.notInstalled(name)
}

func (h *hold) active() bool { return h.Until == nil || time.Now().Before(*h.Until) }

func (m *Manager) doHold(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to %s is named", req.Action)
	}
	if req.For < 0 {
		return "", res, badRequest("cannot hold for a negative time")
	}
	m.st.Lock()
	defer m.st.Unlock()
	var all []*packageState
	for _, name := range req.Targets {
		p, err := m.loadInstalled(name)
		if err != nil {
			return "", res, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		p.Hold = nil
		if req.Action == "hold" {
			p.Hold = newHold(seconds(req.For), "admin")
		}
		m.save(p)
		res.Messages = append(res.Messages, holdMessage(p))
	}
	return "", res, nil
}

func newHold(d time.Duration, by string) *hold {
	h := &hold{By: by}
	if d > 0 {
		until := time.Now().Add(d)
		h.Until = &until
	}
	return h
}

func holdMessage(p *packageState) string {
	switch {
	case p.Hold == nil:
		return p.Name + " is not held any more"
	case p.Hold.Until == nil:
		return p.Name + " is held until: pkgd unhold " + p.Name
	}
	return p.Name + " is held until " + p.Hold.Until.Format(time.RFC3339)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (m *Manager) doAccept(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to accept is named")
	}
	m.st.Lock()
	defer m.st.Unlock()
	for _, name := range req.Targets {
		p, err := m.loadInstalled(name)
		if err != nil {
			return "", res, err
		}
		if p.Question == nil {
			res.Messages = append(res.Messages, fmt.Sprintf("%s asks nothing: nothing to accept", name))
			continue
		}
		p.Question = nil
		m.save(p)
		m.st.DropWarnings(name, codeDecide)
		res.Messages = append(res.Messages, fmt.Sprintf("%s %s is accepted as it is", name, p.version(p.Current)))
	}
	return "", res, nil
}
