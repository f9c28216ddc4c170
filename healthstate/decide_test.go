package healthstate_test

import (
	"strings"
	"testing"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

func TestDecide(t *testing.T) {
	const (
		active, waiting, unknown = healthstate.Active, healthstate.Waiting, healthstate.Unknown
		maintenance, blocked, er = healthstate.Maintenance, healthstate.Blocked, healthstate.Error
	)
	type opts = healthstate.DecideOptions
	onBlocked := opts{RevertOn: []healthstate.Status{er, blocked}}
	tests := []struct {
		before, after healthstate.Status
		o             opts
		rule, outcome string
		revert, asks  bool
		warns         bool
	}{
		{active, er, opts{}, "active-to-error", api.OutcomeReverted, true, false, false},
		{active, er, opts{NoRevert: true}, "no-revert", api.OutcomeKept, false, true, true},
		{active, er, opts{Keep: true}, "on-regression-keep", api.OutcomeKept, false, false, true},
		{active, blocked, opts{Keep: true, RevertOn: []healthstate.Status{er, blocked}}, "active-to-blocked", api.OutcomeKept, false, true, true},
		{active, er, opts{RevertOn: []healthstate.Status{blocked}}, "active-to-error", api.OutcomeReverted, true, false, false},
		{active, blocked, opts{}, "active-to-blocked", api.OutcomeKept, false, true, true},
		{active, blocked, opts{NoRevert: true}, "active-to-blocked", api.OutcomeKept, false, true, true},
		{active, blocked, onBlocked, "active-to-blocked", api.OutcomeReverted, true, false, false},
		{active, blocked, opts{NoRevert: true, RevertOn: onBlocked.RevertOn}, "no-revert", api.OutcomeKept, false, true, true},
		{active, unknown, opts{}, "active-to-unknown", api.OutcomeKept, false, false, true},
		{active, waiting, onBlocked, "active-to-waiting", api.OutcomeKept, false, false, true},
		{active, maintenance, opts{}, "active-to-maintenance", api.OutcomeKept, false, false, true},
		{active, active, onBlocked, "to-active", api.OutcomeDone, false, false, false},
		{unknown, active, opts{}, "to-active", api.OutcomeDone, false, false, false},
		{er, active, opts{NoRevert: true}, "to-active", api.OutcomeDone, false, false, false},
		{unknown, er, opts{}, "not-active-to-error", api.OutcomeUnproven, false, false, false},
		{waiting, er, onBlocked, "not-active-to-error", api.OutcomeUnproven, false, false, false},
		{blocked, er, opts{NoRevert: true}, "not-active-to-error", api.OutcomeUnproven, false, false, false},
		{er, er, opts{}, "not-active-to-error", api.OutcomeUnproven, false, false, false},
		{unknown, unknown, opts{}, "not-active-to-other", api.OutcomeDone, false, false, false},
		{waiting, blocked, onBlocked, "not-active-to-other", api.OutcomeKept, false, false, false},
		{er, waiting, opts{}, "not-active-to-other", api.OutcomeKept, false, false, false},
		{active, er, opts{CrashLoop: true}, "crash-loop", api.OutcomeReverted, true, false, false},
		{unknown, er, opts{CrashLoop: true}, "crash-loop", api.OutcomeReverted, true, false, false},
		{unknown, er, opts{CrashLoop: true, NoRevert: true}, "no-revert", api.OutcomeKept, false, true, true},
		{unknown, er, opts{CrashLoop: true, Keep: true}, "on-regression-keep", api.OutcomeKept, false, false, true},
		{waiting, er, opts{CrashLoop: true}, "not-active-to-error", api.OutcomeUnproven, false, false, false},
	}
	for _, tt := range tests {
		d := healthstate.Decide(tt.before, tt.after, tt.o)
		if d.Rule != tt.rule || d.Outcome != tt.outcome || d.Revert != tt.revert || d.WantsPerson != tt.asks || (d.Warning != "") != tt.warns {
			t.Errorf("%s → %s with %+v: %+v", tt.before, tt.after, tt.o, d)
		}
		if text := d.WarningFor("web"); strings.Contains(text, "NAME") || d.Warning != "" && !strings.Contains(text, "pkgd revert web") {
			t.Errorf("%s → %s warns %q", tt.before, tt.after, text)
		}
	}
}

// TestEveryPairOfStatusesHasItsRow checks the table against the five sentences
// of the design, for all statuses and options.
func TestEveryPairOfStatusesHasItsRow(t *testing.T) {
	for _, before := range healthstate.Statuses() {
		for _, after := range healthstate.Statuses() {
			for bits := range 16 {
				o := healthstate.DecideOptions{NoRevert: bits&1 != 0, Keep: bits&2 != 0, CrashLoop: bits&4 != 0}
				if bits&8 != 0 {
					o.RevertOn = []healthstate.Status{healthstate.Error, healthstate.Blocked}
				}
				d := healthstate.Decide(before, after, o)
				bad := before == healthstate.Active && (after == healthstate.Error || after == healthstate.Blocked && bits&8 != 0) ||
					before == healthstate.Unknown && after == healthstate.Error && o.CrashLoop
				if want := bad && !o.NoRevert && !o.Keep; d.Revert != want || (d.Outcome == api.OutcomeReverted) != want {
					t.Errorf("%s → %s with %+v: revert %v, %s", before, after, o, d.Revert, d.Outcome)
				}
				if (d.Outcome == api.OutcomeDone) != (after == healthstate.Active || before == healthstate.Unknown && after == before) {
					t.Errorf("%s → %s with %+v: %s", before, after, o, d.Outcome)
				}
			}
		}
	}
}

func TestEveryRuleOfTheTableIsReachedAndExplained(t *testing.T) {
	reached := map[string]bool{}
	for _, before := range healthstate.Statuses() {
		for _, after := range healthstate.Statuses() {
			for bits := range 16 {
				o := healthstate.DecideOptions{NoRevert: bits&1 != 0, Keep: bits&2 != 0, CrashLoop: bits&4 != 0}
				if bits&8 != 0 {
					o.RevertOn = []healthstate.Status{healthstate.Blocked}
				}
				reached[healthstate.Decide(before, after, o).Rule] = true
			}
		}
	}
	for _, row := range healthstate.Rules() {
		if !reached[row.Rule] || row.Text == "" {
			t.Errorf("rule %s: reached %v, %q", row.Rule, reached[row.Rule], row.Text)
		}
	}
}

func TestEveryRuleHasWords(t *testing.T) {
	for _, row := range healthstate.Rules() {
		if got := healthstate.Meaning(row.Rule, row.Outcome); got != row.Text {
			t.Errorf("%s, %s: got %q, want %q", row.Rule, row.Outcome, got, row.Text)
		}
	}
	for _, rule := range []string{
		healthstate.RuleTransaction, healthstate.RuleFirstInstall, healthstate.RuleUnchanged,
		healthstate.RuleByHand, healthstate.RuleAbort,
	} {
		if healthstate.Meaning(rule, api.OutcomeDone) == "" {
			t.Errorf("%s says nothing", rule)
		}
	}
	if got := healthstate.Meaning(healthstate.RuleActiveToError, api.OutcomeRevertFailed); got == "" {
		t.Error("a rule says nothing where its revert failed")
	}
	if got := healthstate.Meaning("other", api.OutcomeDone); got != "" {
		t.Errorf("an unknown rule says %q", got)
	}
}
