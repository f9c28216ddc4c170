package pkgstate

import (
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

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
