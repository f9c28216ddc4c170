package healthstate

import (
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// The rules, as the rule of api.Why names them.
const (
	RuleActiveToError       = "active-to-error"
	RuleActiveToBlocked     = "active-to-blocked"
	RuleActiveToUnknown     = "active-to-unknown"
	RuleActiveToWaiting     = "active-to-waiting"
	RuleActiveToMaintenance = "active-to-maintenance"
	RuleNotActiveToError    = "not-active-to-error"
	RuleToActive            = "to-active"
	RuleNotActiveToOther    = "not-active-to-other"
	RuleCrashLoop           = "crash-loop"
	RuleNoRevert            = "no-revert"
	RuleOnRegressionKeep    = "on-regression-keep"

	// These say that no two statuses were compared; pkgstate gives them.
	RuleTransaction  = "transaction"   // undone for another package's sake
	RuleFirstInstall = "first-install" // nothing before to compare with, nothing to go back to
	RuleUnchanged    = "unchanged"     // the content that already runs
	RuleByHand       = "by-hand"       // pkgd revert, or remove
	RuleAbort        = "abort"         // undone because a person said so
)

// DecideOptions are what besides the statuses a decision depends on.
type DecideOptions struct {
	NoRevert  bool     // refresh --no-revert
	Keep      bool     // the package says on-regression: keep
	RevertOn  []Status // of the package, besides Error
	CrashLoop bool     // pkgd or the host died three times in the window
}

// Decision is what follows from a verdict.
type Decision struct {
	Rule        string
	Outcome     string // api.OutcomeDone, OutcomeReverted, OutcomeKept or OutcomeUnproven
	Revert      bool
	WantsPerson bool   // exit code 11: somebody has to decide
	Warning     string // NAME stands for the package; empty: none
}

// WarningFor is the warning with the package's name in it.
func (d Decision) WarningFor(name string) string {
	return strings.ReplaceAll(d.Warning, "NAME", name)
}

// RuleRow is one row of the table of rules. The first row that fits decides.
type RuleRow struct {
	Before, After []Status // empty: any
	Only          string   // further condition for the row, in words; empty: none
	Decision
	Text string // what it means, wherever people are told

	fits func(before, after Status, d DecideOptions) bool // what Only says; nil: always
}

// Rules is the table of design §2, in the order in which it is tried.
func Rules() []RuleRow {
	active := []Status{Active}
	return []RuleRow{
		{
			After: active, Decision: Decision{Rule: RuleToActive, Outcome: api.OutcomeDone},
			Text: "it is well",
		},
		{
			Only:     "a row below would revert, and --no-revert was given",
			fits:     func(before, after Status, d DecideOptions) bool { return reverts(before, after, d) && d.NoRevert },
			Decision: Decision{Rule: RuleNoRevert, Outcome: api.OutcomeKept, WantsPerson: true, Warning: "NAME is not well after the refresh and was kept because of --no-revert. Take it back with: pkgd revert NAME"},
			Text:     "it would have been taken back, but --no-revert was given",
		},
		{
			Only:     "a row below would revert, and the package says on-regression: keep",
			After:    []Status{Error},
			fits:     func(before, after Status, d DecideOptions) bool { return reverts(before, after, d) && d.Keep },
			Decision: Decision{Rule: RuleOnRegressionKeep, Outcome: api.OutcomeKept, Warning: "NAME is not well after the refresh and was kept because it asks for that (on-regression: keep). Take it back with: pkgd revert NAME"},
			Text:     "the package asks to be kept even when it turns worse (on-regression: keep)",
		},
		{
			Before: []Status{Active, Unknown}, After: []Status{Error}, Only: "pkgd or the host died three times before the verdict",
			fits:     func(_, _ Status, d DecideOptions) bool { return d.CrashLoop },
			Decision: Decision{Rule: RuleCrashLoop, Outcome: api.OutcomeReverted, Revert: true},
			Text:     "pkgd or the host died again and again after the switch",
		},
		{
			Before: active, After: []Status{Error},
			Decision: Decision{Rule: RuleActiveToError, Outcome: api.OutcomeReverted, Revert: true},
			Text:     "it was well before and broken after, so the refresh is to blame",
		},
		{
			Before: active, After: []Status{Blocked}, Only: "the package says revert-on: [error, blocked], and not on-regression: keep",
			fits:     func(before, after Status, d DecideOptions) bool { return reverts(before, after, d) && !d.Keep },
			Decision: Decision{Rule: RuleActiveToBlocked, Outcome: api.OutcomeReverted, Revert: true},
			Text:     "the package's author holds blocked for as bad as error",
		},
		{
			Before: active, After: []Status{Blocked},
			Decision: Decision{Rule: RuleActiveToBlocked, Outcome: api.OutcomeKept, WantsPerson: true, Warning: "NAME was active before the refresh and now needs a person. Take it back with: pkgd revert NAME, or accept it with: pkgd refresh --accept NAME"},
			Text:     "it was well before and needs a person now; you decide",
		},
		keptRow(Unknown, RuleActiveToUnknown, "it was well before and says nothing now; that alone takes nothing back"),
		keptRow(Waiting, RuleActiveToWaiting, "it was well before and waits for something that may come by itself"),
		keptRow(Maintenance, RuleActiveToMaintenance, "it was well before and is busy with itself"),
		{
			After:    []Status{Error},
			Decision: Decision{Rule: RuleNotActiveToError, Outcome: api.OutcomeUnproven},
			Text:     "it was not well before either, so the refresh is not to blame",
		},
		{
			Before: []Status{Unknown}, After: []Status{Unknown},
			Decision: Decision{Rule: RuleNotActiveToOther, Outcome: api.OutcomeDone},
			Text:     "nothing known before, nothing after: no hook",
		},
		{
			Decision: Decision{Rule: RuleNotActiveToOther, Outcome: api.OutcomeKept},
			Text:     "it was not well before either, so nothing was lost",
		},
	}
}

func keptRow(after Status, rule, text string) RuleRow {
	return RuleRow{
		Before: []Status{Active}, After: []Status{after}, Text: text,
		Decision: Decision{Rule: rule, Outcome: api.OutcomeKept, Warning: "NAME was active before the refresh and is " + string(after) + " after it. Take it back with: pkgd revert NAME"},
	}
}

// Meaning is a rule in words for people, as it decided on an outcome; empty where
// the rule is unknown.
func Meaning(rule, outcome string) string {
	text := otherMeanings[rule]
	for _, row := range Rules() {
		switch {
		case row.Rule != rule:
		case row.Outcome == outcome:
			return row.Text
		case text == "":
			text = row.Text
		}
	}
	return text
}

// otherMeanings are those of the rules that compare no statuses.
var otherMeanings = map[string]string{
	RuleTransaction:  "another package of the same transaction was taken back",
	RuleFirstInstall: "a first installation stays: there is nothing to go back to",
	RuleUnchanged:    "the content is what ran already",
	RuleByHand:       "somebody asked for it",
	RuleAbort:        "somebody aborted the change",
}

// reverts tells whether the package goes back when nobody forbids it.
func reverts(before, after Status, d DecideOptions) bool {
	switch before {
	case Active:
		return after == Error || after == Blocked && slices.Contains(d.RevertOn, Blocked)
	case Unknown:
		return after == Error && d.CrashLoop
	}
	return false
}

// Decide applies the table to the statuses before and after a refresh.
func Decide(before, after Status, d DecideOptions) Decision {
	for _, row := range Rules() {
		if row.applies(before, after, d) {
			return row.Decision
		}
	}
	panic("internal error: the table of rules has no last row")
}

func (r RuleRow) applies(before, after Status, d DecideOptions) bool {
	return (len(r.Before) == 0 || slices.Contains(r.Before, before)) &&
		(len(r.After) == 0 || slices.Contains(r.After, after)) &&
		(r.fits == nil || r.fits(before, after, d))
}
