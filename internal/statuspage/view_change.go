package statuspage

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// changeView is a package's last change and why it ended as it did. What hooks
// printed is never in it.
type changeView struct {
	Words, Mood string
	Versions    string
	Because     string // why it did not stay
	At          moment
	Before      *saidView
	After       *saidView
	Restored    *saidView
	Rule        string
	Error       string
	Refused     *moment
	Took        string
	Checks      []api.CheckDiff
	Person      bool // somebody has to decide
}

type saidView struct{ Status, Reason string }

func newChangeView(w *api.Why, now time.Time) *changeView {
	if w == nil {
		return nil
	}
	v := &changeView{
		At: moment{w.At, now}, Versions: versions(*w), Before: saidOf(w.Before), After: saidOf(w.After),
		Restored: saidOf(w.Restored), Rule: healthstate.Meaning(w.Rule, w.Outcome), Refused: momentOf(w.RefusedUntil, now),
		Checks: w.CheckDiff, Person: w.WantsPerson, Took: took(*w),
	}
	v.Words, v.Mood = outcome(*w)
	if w.Restored == nil && w.Outcome != api.OutcomeReverted {
		v.Error = w.Error
	}
	v.Because = because(*v, w.Outcome)
	if v.Refused != nil && !v.Refused.at.After(now) {
		v.Refused = nil
	}
	return v
}

// because is what spoke against a change that did not stay.
func because(v changeView, outcome string) string {
	switch {
	case outcome == api.OutcomeFailed:
		return v.Error
	case outcome != api.OutcomeReverted && outcome != api.OutcomeRevertFailed, v.After == nil:
		return ""
	case v.After.Reason == "":
		return "it was " + v.After.Status
	}
	return v.After.Reason
}

func versions(w api.Why) string {
	switch {
	case w.FromVersion == "" || w.Kind == "install":
		return w.ToVersion
	case w.ToVersion == "" || w.Kind == "remove":
		return w.FromVersion
	case w.Outcome == api.OutcomeReverted:
		return w.FromVersion + " → " + w.ToVersion + " → " + w.FromVersion
	}
	return w.FromVersion + " → " + w.ToVersion
}

func saidOf(r *api.Record) *saidView {
	if r == nil {
		return nil
	}
	return &saidView{known(r.Status), reason(r.Code, r.Message)}
}

func took(w api.Why) string {
	if w.Elapsed <= 0 {
		return ""
	}
	text := human.Seconds(w.Elapsed)
	if w.Downtime > 0 {
		text += fmt.Sprintf(", %s of it without services", human.Seconds(w.Downtime))
	}
	return text
}
