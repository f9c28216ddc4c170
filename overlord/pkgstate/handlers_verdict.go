package pkgstate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// Codes of the warnings that a refresh can leave. Those that begin with pkgd-
// are pkgd's own words (design §2).
const (
	codeDecide       = "pkgd-needs-decision"
	codeRevertFailed = "pkgd-revert-failed"
	codeReverted     = "pkgd-reverted"
	codeUnwell       = "pkgd-unwell"
	codeCrashLoop    = "pkgd-crash-loop"
)

// maxDeaths is how often pkgd or the host may die between the switch and the
// verdict before the new revision gets the blame.
const maxDeaths = 3

// errReverted is what a task fails with when health takes the refresh back.
var errReverted = errors.New("health took the refresh back")

// doCheckHealthBefore asks the old revision, its services up, how it is: the
// verdict compares with this.
func (m *Manager) doCheckHealthBefore(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.prepareLeaving(s); err != nil {
		return err
	}
	target, err := m.targetOf(s.Package, s.From)
	if err != nil {
		return err
	}
	if err := m.awaitBoot(ctx, t, s.Package); err != nil {
		return err
	}
	out, err := m.health.RunOnce(ctx, target, hookrunner.PhaseBefore)
	if err != nil {
		return err
	}
	m.tell(t, func(st *story) { st.Before = told(out.Record) })
	m.result(t, "%s", healthWords(out.Record))
	return nil
}

// undoCheckHealthBefore is the old revision's first word after a revert: it is
// recorded, and says whether the revert has helped.
func (m *Manager) undoCheckHealthBefore(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	defer m.endSwitch(s.Package)
	if err := m.disk.UnprepareAside(s.Package); err != nil {
		return err
	}
	if !sto.Linked && sto.WereUp == nil && sto.Downtime == 0 {
		return nil // it never stopped serving: what was last heard of it still holds
	}
	target, err := m.targetOf(s.Package, s.From)
	if err != nil {
		return err
	}
	if err := m.awaitBoot(ctx, t, s.Package); err != nil {
		return err
	}
	none := time.Duration(0)
	v, err := m.health.Judge(ctx, target, healthstate.JudgeOptions{Settle: m.settleOf(s), Bake: &none, ServicesBefore: sto.WereUp})
	if err != nil {
		return err
	}
	rec := told(v.Outcome.Record)
	m.tell(t, func(st *story) { st.Restored, st.Unwell = rec, unwell(st.Before, *rec) })
	return nil
}

// told is a record as a story keeps it: as of now, with nothing left open that
// only what is stored would know.
func told(rec api.Record) *api.Record {
	now := time.Now()
	if rec.CheckedAt == nil {
		rec.CheckedAt = &now
	}
	if rec.Since == nil {
		rec.Since = rec.CheckedAt
	}
	if rec.Checks == nil {
		rec.Checks = []api.Check{}
	}
	if rec.Blockers == nil {
		rec.Blockers = []string{}
	}
	return &rec
}

// unwell tells whether a restored revision is worse off than it was before the
// refresh.
func unwell(before *api.Record, now api.Record) bool {
	switch healthstate.Status(now.Status) {
	case healthstate.Active:
		return false
	case healthstate.Error, healthstate.Blocked:
		return true
	}
	return before != nil && healthstate.Status(before.Status) == healthstate.Active
}

// settleOf is how long the restored revision may take to be well again: what
// the package asks for, from its own manifest.
func (m *Manager) settleOf(s *setup) *time.Duration {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil || p.Revisions[s.From] == nil {
		return nil
	}
	return p.Revisions[s.From].Info.Health.Settle
}

func (m *Manager) targetOf(name string, rev int) (healthstate.Target, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil {
		return healthstate.Target{}, err
	}
	r := p.Revisions[rev]
	if r == nil {
		return healthstate.Target{}, fmt.Errorf("internal error: package %q has no revision %d", name, rev)
	}
	return m.target(p, r), nil
}

// doAwaitVerdict runs the new revision's hook until the verdict is in, and fails
// when the verdict takes the refresh back.
func (m *Manager) doAwaitVerdict(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	m.beginSwitch(s.Package)
	if err := m.crashLoop(t, s, sto); err != nil {
		return err
	}
	v, err := m.judge(ctx, t, s, sto)
	if err != nil {
		return err
	}
	m.result(t, "%s", healthWords(v.Outcome.Record))
	d, err := m.dataPair(s)
	if err != nil {
		return err
	}
	if err := m.disk.KeepData(s.Package, d.to); err != nil {
		return err
	}
	return m.applyVerdict(t, s, v)
}

func (m *Manager) judge(ctx context.Context, t *state.Task, s *setup, sto *story) (healthstate.Verdict, error) {
	if sto.loops(s) {
		return crashVerdict(s, sto), nil
	}
	if err := m.awaitBoot(ctx, t, s.Package); err != nil {
		return healthstate.Verdict{}, err
	}
	target, err := m.targetOf(s.Package, s.To)
	if err != nil {
		return healthstate.Verdict{}, err
	}
	return m.health.Judge(ctx, target, m.judgeOptions(s, sto))
}

func (m *Manager) judgeOptions(s *setup, sto *story) healthstate.JudgeOptions {
	m.st.Lock()
	defer m.st.Unlock()
	j := healthstate.JudgeOptions{ServicesBefore: sto.WereUp}
	p, err := loadPackage(m.st, s.Package)
	if err != nil || p.Revisions[s.To] == nil {
		return j
	}
	h := p.Revisions[s.To].Info.Health
	j.Settle, j.Bake = h.Settle, h.Bake
	if s.Kind == "install" {
		j.ServicesBefore = wishedUp(p, p.Revisions[s.To])
	}
	return j
}

// applyVerdict writes the decision down before anything is undone for it.
func (m *Manager) applyVerdict(t *state.Task, s *setup, v healthstate.Verdict) error {
	m.st.Lock()
	defer m.st.Unlock()
	after := *told(v.Outcome.Record)
	d := m.decide(t, s, after)
	m.tellLocked(t, func(st *story) {
		st.After, st.Runs = &after, v.Runs
		st.Rule, st.Outcome, st.Revert, st.WantsPerson = d.Rule, d.Outcome, d.Revert, d.WantsPerson
		if len(v.Outcome.Output) > 0 {
			st.HookOutput = tail(v.Outcome.Output, maxStoryOutput)
		}
	})
	if !d.Revert {
		m.endSwitch(s.Package)
		return m.keep(t, s, d, after)
	}
	if err := m.refuseStory(t, s, after.Code); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", errReverted, healthWords(after))
}

// decide applies the table of rules. The state is locked.
func (m *Manager) decide(t *state.Task, s *setup, after api.Record) healthstate.Decision {
	switch s.Kind {
	case "install":
		return healthstate.Decision{Rule: healthstate.RuleFirstInstall, Outcome: api.OutcomeDone, Warning: unwellWarning(s, after)}
	case "revert":
		d := healthstate.Decision{Rule: healthstate.RuleByHand, Outcome: api.OutcomeDone}
		if unwell(changeStory(t.Change(), s.Package).Before, after) {
			d.Outcome = api.OutcomeRevertFailed
		}
		return d
	}
	p, err := loadPackage(m.st, s.Package)
	sto := changeStory(t.Change(), s.Package)
	o := healthstate.DecideOptions{NoRevert: s.NoRevert, CrashLoop: sto.loops(s)}
	if err == nil && p.Revisions[s.To] != nil {
		h := p.Revisions[s.To].Info.Health
		o.Keep = h.OnRegression == "keep"
		for _, status := range h.RevertOn {
			o.RevertOn = append(o.RevertOn, healthstate.Status(status))
		}
	}
	before := healthstate.Unknown
	if sto.Before != nil {
		before = healthstate.Status(sto.Before.Status)
	}
	return healthstate.Decide(before, healthstate.Status(after.Status), o)
}

func unwellWarning(s *setup, after api.Record) string {
	if st := healthstate.Status(after.Status); st == healthstate.Active || st == healthstate.Unknown {
		return ""
	}
	return fmt.Sprintf("%s %s is installed but not well: %s", s.Package, s.ToVersion, healthWords(after))
}

// keep is the end of a refresh that stays. The state is locked.
func (m *Manager) keep(t *state.Task, s *setup, d healthstate.Decision, after api.Record) error {
	if text := d.WarningFor(s.Package); text != "" {
		code := codeUnwell
		if d.WantsPerson {
			code = codeDecide
		}
		m.st.Warn(s.Package, code, text)
		t.Logf("%s", text)
	}
	if err := m.forgive(s.Package, s.Digest); err != nil { // what stays is not refused
		return err
	}
	if !d.WantsPerson {
		return nil
	}
	return m.ask(t, s, after)
}

// ask puts the question of a kept but unwell refresh. The state is locked.
func (m *Manager) ask(t *state.Task, s *setup, after api.Record) error {
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return err
	}
	p.Question = &question{
		Change: t.Change().ID(), From: s.From, To: s.To,
		Text: fmt.Sprintf("%s was well before the refresh to %s and is not now (%s): go back with pkgd revert %s, or accept it with pkgd refresh --accept %s",
			s.Package, s.ToVersion, healthWords(after), s.Package, s.Package),
	}
	m.save(p)
	return nil
}

// refuseStory refuses the lane's content and says in the story until when. The
// state is locked.
func (m *Manager) refuseStory(t *state.Task, s *setup, code string) error {
	r, err := m.refuse(s, code, changeStory(t.Change(), s.Package).Deaths > 0)
	if err != nil {
		return err
	}
	m.tellLocked(t, func(st *story) { st.RefusedUntil = r.until() })
	return nil
}

// failedAfterSwitch refuses content whose own hook failed after the switch; the
// undo that follows is not health's.
func (m *Manager) failedAfterSwitch(t *state.Task, s *setup, cause error) error {
	m.st.Lock()
	defer m.st.Unlock()
	if err := m.refuseStory(t, s, "pkgd-hook-failed"); err != nil {
		return err
	}
	return cause
}

// crashLoop ends a refresh in whose window pkgd or the host died too often. It
// is asked at every step after the switch, because each may be the one that
// kills the host. One that is kept all the same takes these steps; then this is
// its verdict.
func (m *Manager) crashLoop(t *state.Task, s *setup, sto *story) error {
	if !sto.loops(s) {
		return nil
	}
	v := crashVerdict(s, sto)
	m.st.Lock()
	reverts := m.decide(t, s, v.Record).Revert
	m.st.Unlock()
	if !reverts {
		return nil
	}
	return m.applyVerdict(t, s, v)
}

// loops tells whether pkgd or the host died so often that the new revision gets
// the blame.
func (sto *story) loops(s *setup) bool { return s.Kind == "refresh" && sto.Deaths >= maxDeaths }

func crashVerdict(s *setup, sto *story) healthstate.Verdict {
	return healthstate.Verdict{Outcome: healthstate.Outcome{Record: api.Record{
		Package: s.Package, Revision: s.To, Version: s.ToVersion, Status: string(healthstate.Error), Code: codeCrashLoop,
		Message: fmt.Sprintf("pkgd or the host died %d times between the switch and the verdict", sto.Deaths),
		Source:  healthstate.SourcePkgd,
	}}}
}

// healthWords is a record in a few words: "error schema-too-new: Schema 42 …".
func healthWords(rec api.Record) string {
	words := rec.Status
	if rec.Code != "" {
		words += " " + rec.Code
	}
	if rec.Message != "" {
		words += ": " + rec.Message
	}
	return words
}
