package pkgstate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

func whyKey(name string) string { return "why/" + name }

// onTaskStatus is called with the state locked. When a lane has come to its end,
// done or undone, its story becomes what `pkgd why` tells: a task at the end of
// the lane could not do that, because an undone lane never runs it.
func (m *Manager) onTaskStatus(t *state.Task, old, now state.Status) {
	m.publishTask(t)
	if !now.Ready() || old.Ready() {
		return
	}
	name := taskPackage(t)
	if name == "" {
		return
	}
	chg := t.Change()
	var s setup
	if err := chg.Get(setupKey(name), &s); err != nil || !m.laneReady(chg, s.Lane) {
		return
	}
	for _, other := range changePackages(chg) {
		var so setup
		if err := chg.Get(setupKey(other), &so); err == nil && so.Lane == s.Lane {
			m.conclude(chg, &so)
		}
	}
}

func (m *Manager) laneReady(chg *state.Change, lane int) bool {
	for _, t := range chg.Tasks() {
		if slices.Contains(t.Lanes(), lane) && !t.Status().Ready() {
			return false
		}
	}
	return true
}

// conclude writes how a change ended for one package. The state is locked.
func (m *Manager) conclude(chg *state.Change, s *setup) {
	var outcomes []api.Why
	if chg.Has("outcomes") {
		if err := chg.Get("outcomes", &outcomes); err != nil {
			m.log.Error("cannot read the outcomes of a change", "change", chg.ID(), "error", err)
		}
	}
	if slices.ContainsFunc(outcomes, func(w api.Why) bool { return w.Package == s.Package }) {
		return
	}
	why := m.whyOf(chg, s)
	chg.Set("outcomes", append(outcomes, why))
	if s.Kind != "configure" && s.Kind != "services" {
		m.st.Set(whyKey(s.Package), why)
		m.countEnded(why)
	}
	m.warnOf(why)
	m.endSwitch(s.Package)
	for _, f := range m.onOutcome {
		f(why)
	}
	m.log.Info("change concluded", "change", chg.ID(), "package", s.Package, "kind", s.Kind,
		"outcome", why.Outcome, "rule", why.Rule, "from", s.From, "to", s.To)
}

// warnOf leaves a word about a revert that nobody may have watched. It comes
// after the restored revision's own health, which would wipe it away. That of a
// remove belongs to no package: there is none any more.
func (m *Manager) warnOf(why api.Why) {
	if why.Warning != "" {
		m.st.Warn("", "pkgd-remove-hook-failed", why.Warning)
	}
	switch why.Outcome {
	case api.OutcomeReverted:
		m.st.Warn(why.Package, codeReverted, fmt.Sprintf("%s was refreshed to %s and taken back; the story: pkgd why %s", why.Package, why.ToVersion, why.Package))
	case api.OutcomeRevertFailed:
		m.st.Warn(why.Package, codeRevertFailed, fmt.Sprintf("%s went back to revision %d and is not well; both revisions are kept: pkgd why %s", why.Package, why.Current, why.Package))
	}
}

func (m *Manager) whyOf(chg *state.Change, s *setup) api.Why {
	sto := changeStory(chg, s.Package)
	why := api.Why{
		Change: chg.ID(), Package: s.Package, Kind: s.Kind, Path: s.Path, From: s.From, To: s.To,
		FromVersion: s.FromVersion, ToVersion: s.ToVersion,
		Before: sto.Before, After: sto.After, Restored: sto.Restored,
		Rule: sto.Rule, DataRestored: sto.DataRestored, DataShared: sto.DataShared, SetAside: sto.SetAside,
		RefusedUntil: sto.RefusedUntil, HookOutput: string(sto.HookOutput), Runs: sto.Runs,
		Downtime: sto.Downtime.Seconds(), At: time.Now(), Elapsed: time.Since(chg.SpawnTime()).Seconds(),
		WantsPerson: sto.WantsPerson, CheckDiff: checkDiff(sto.Before, sto.After), Warning: sto.Warning,
	}
	if p, err := loadPackage(m.st, s.Package); err == nil {
		why.Current = p.Current
	}
	why.Outcome = sto.Outcome
	if why.Outcome == "" {
		why.Outcome = api.OutcomeDone
	}
	if failed := m.laneFailure(chg, s); failed != "" {
		m.undoneOutcome(chg, s, sto, &why, failed)
	}
	return why
}

// undoneOutcome tells the ways of being undone apart.
func (m *Manager) undoneOutcome(chg *state.Change, s *setup, sto *story, why *api.Why, failed string) {
	why.WantsPerson = false
	switch {
	case sto.Revert && sto.Unwell || sto.Revert && m.laneStuck(chg, s.Lane):
		why.Outcome, why.Error = api.OutcomeRevertFailed, failed
	case sto.Revert:
		why.Outcome = api.OutcomeReverted
	case m.undoneFor(chg, s) != "":
		why.Transaction = m.undoneFor(chg, s)
		why.Outcome, why.Rule = api.OutcomeFailed, healthstate.RuleTransaction
		why.Error = fmt.Sprintf("taken back for the sake of %q", why.Transaction)
		if changeStory(chg, why.Transaction).Revert {
			why.Outcome = api.OutcomeReverted
		}
	case sto.Aborted:
		why.Outcome, why.Rule, why.Error = api.OutcomeFailed, healthstate.RuleAbort, "aborted"
	default:
		why.Outcome, why.Error = api.OutcomeFailed, failed
	}
}

// laneFailure is the error of a lane that was undone or could not be, empty when
// the lane is done. A package's own failure is told before another's.
func (m *Manager) laneFailure(chg *state.Change, s *setup) string {
	undone, text := false, ""
	for _, t := range chg.Tasks() {
		if !slices.Contains(t.Lanes(), s.Lane) {
			continue
		}
		switch t.Status() {
		case state.UndoneStatus, state.HoldStatus:
			undone = true
		case state.ErrorStatus:
			undone = true
			if text == "" || taskPackage(t) == s.Package {
				text = failureOf(chg, t)
			}
		}
	}
	if undone && text == "" {
		return "aborted"
	}
	return text
}

// failureOf is what a failed task failed with.
func failureOf(chg *state.Change, t *state.Task) string {
	var all *state.ChangeError
	if !errors.As(chg.Err(), &all) {
		return "failed"
	}
	for _, f := range all.Failures {
		if f.Task == t.ID() {
			return f.Text
		}
	}
	return "failed"
}

// laneStuck tells whether an undo failed: then a task that had been done ended
// as an error.
func (m *Manager) laneStuck(chg *state.Change, lane int) bool {
	return slices.ContainsFunc(chg.Tasks(), func(t *state.Task) bool {
		return slices.Contains(t.Lanes(), lane) && t.Status() == state.ErrorStatus && t.UndoingTime() > 0
	})
}

// undoneFor names the other package of a transaction whose failure undid this
// one, empty when the package itself failed.
func (m *Manager) undoneFor(chg *state.Change, s *setup) string {
	if !s.Together {
		return ""
	}
	culprit := ""
	for _, t := range chg.Tasks() {
		if t.Status() != state.ErrorStatus || !slices.Contains(t.Lanes(), s.Lane) {
			continue
		}
		if taskPackage(t) == s.Package {
			return ""
		}
		culprit = taskPackage(t)
	}
	return culprit
}

// checkDiff lists the checks that differ across a refresh, by name.
func checkDiff(before, after *api.Record) []api.CheckDiff {
	if before == nil || after == nil {
		return nil
	}
	was := map[string]string{}
	for _, c := range before.Checks {
		was[c.Name] = c.Health
	}
	var diff []api.CheckDiff
	for _, c := range after.Checks {
		if was[c.Name] != c.Health {
			diff = append(diff, api.CheckDiff{Name: c.Name, Before: was[c.Name], After: c.Health, Message: c.Message})
		}
		delete(was, c.Name)
	}
	for name, h := range was {
		diff = append(diff, api.CheckDiff{Name: name, Before: h})
	}
	slices.SortFunc(diff, func(a, b api.CheckDiff) int { return strings.Compare(a.Name, b.Name) })
	return diff
}

// Why tells the story of a package's last change. *api.Error when there is none.
func (m *Manager) Why(name string) (api.Why, error) {
	m.st.Lock()
	defer m.st.Unlock()
	var why api.Why
	err := m.st.Get(whyKey(name), &why)
	if errors.Is(err, state.ErrNoState) {
		if _, err := m.loadInstalled(name); err != nil {
			return api.Why{}, err
		}
		return api.Why{}, &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("nothing has happened to package %q yet", name)}
	}
	if err != nil {
		return api.Why{}, fmt.Errorf("cannot read why: %w", err)
	}
	if why.RefusedUntil != nil {
		why.RefusedUntil = m.refusedUntil(name, why)
	}
	why.WantsPerson = why.WantsPerson && m.asks(name, why.Change)
	return why, nil
}

// asks says whether what a change asked of a person still waits for an answer:
// who accepts takes the question away. The state is locked.
func (m *Manager) asks(name, change string) bool {
	p, err := loadPackage(m.st, name)
	return err != nil || p.Question != nil && p.Question.Change == change
}

// refusedUntil is a refusal's end by the clock as it is now. The state is locked.
func (m *Manager) refusedUntil(name string, why api.Why) *time.Time {
	rs, err := m.refusals(name)
	if err != nil {
		return why.RefusedUntil
	}
	for _, r := range rs {
		if r.Revision == why.To && r.holds() {
			return r.until()
		}
	}
	return nil
}
