package cli

import (
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// ending is the last line of a package's story; none (no label) where the steps
// have said all.
func ending(o api.Why) (sign rune, label, words string) {
	switch o.Outcome {
	case api.OutcomeReverted:
		return signReverted, "reverted", backWords(o)
	case api.OutcomeRevertFailed:
		return signFailed, "revert", revertFailedWords(o)
	case api.OutcomeFailed:
		return signReverted, "undone", undoneWords(o)
	case api.OutcomeKept:
		return signPerson, "kept", o.ToVersion + " runs on"
	case api.OutcomeUnproven:
		return signPerson, "unproven", o.ToVersion + " runs on: it was not well before either"
	}
	return 0, "", ""
}

// backWords says what a revert brought back: "1.4.2 is back with its data and
// configuration, active".
func backWords(o api.Why) string {
	words := o.FromVersion + " is back with its data and configuration"
	if !o.DataRestored {
		words = o.FromVersion + " is back with its configuration"
	}
	if o.Restored != nil {
		words += ", " + healthWords(*o.Restored)
	}
	return words
}

func revertFailedWords(o api.Why) string {
	if o.Restored == nil {
		return firstNonEmpty(o.Error, "the old revision could not be brought back")
	}
	if well(o.Restored) {
		return fmt.Sprintf("%s is back and well, but not all of it could be undone: %s", o.FromVersion, o.Error)
	}
	return o.FromVersion + " is back, but not well: " + healthWords(*o.Restored)
}

func undoneWords(o api.Why) string {
	if o.Kind == "install" {
		return "nothing is left of it"
	}
	return o.FromVersion + " runs as before"
}

// healthWords is a record in a few words: "error disk-full: No space left".
func healthWords(r api.Record) string {
	words := r.Status
	if r.Code != "" {
		words += " " + r.Code
	}
	if r.Message != "" {
		words += ": " + r.Message
	}
	return words
}

// reason is why, as short as it can be: the code, else the message.
func reason(r *api.Record) string {
	if r == nil {
		return "no reason was recorded"
	}
	return firstNonEmpty(r.Code, r.Message, r.Status)
}

func firstNonEmpty(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// outcomeCode is the exit code for one package.
func outcomeCode(o api.Why) int {
	switch {
	case o.Outcome == api.OutcomeReverted:
		return exitReverted
	case o.Outcome == api.OutcomeFailed, o.Outcome == api.OutcomeRevertFailed:
		return exitFailed
	case o.WantsPerson:
		return exitPerson
	}
	return exitDone
}

// changeCode is the exit code of a change: of several packages' codes the first
// of 1, 10, 11, 0.
func changeCode(chg api.Change) int {
	got := map[int]bool{}
	for _, o := range chg.Outcomes {
		got[outcomeCode(o)] = true
	}
	if len(chg.Outcomes) == 0 && !doneWell(chg) {
		return exitFailed
	}
	for _, code := range []int{exitFailed, exitReverted, exitPerson} {
		if got[code] {
			return code
		}
	}
	return exitDone
}

// doneWell tells whether a change without outcomes has done what it was for.
func doneWell(chg api.Change) bool { return chg.Err == "" && chg.Status == "Done" }

// verdict is what is left to say of a package once its story is told: an error,
// a warning, or nothing but the answer.
func (a *app) verdict(o api.Why, target string) (err *failure, warning, answer string) {
	name := o.Package
	switch outcomeCode(o) {
	case exitFailed:
		return a.failedOutcome(o), "", ""
	case exitReverted:
		return a.revertedOutcome(o, firstNonEmpty(target, o.Path, name)), "", ""
	case exitPerson:
		next := fmt.Sprintf("take it back: %s · keep it: %s", a.pkgd("revert "+name), a.pkgd("refresh --accept "+name))
		return &failure{next: next}, fmt.Sprintf("%s runs %s and wants a person: %s", name, o.ToVersion, recordWords(o.After)), a.doneWords(o)
	}
	if o.Warning != "" {
		return &failure{next: "its steps: " + a.pkgd("tasks "+o.Change)}, o.Warning, a.doneWords(o)
	}
	if !well(o.After) {
		next := "how it is now: " + a.pkgd("health "+name) + " · the story: " + a.pkgd("why "+name)
		return &failure{next: next}, fmt.Sprintf("%s %s is %s", name, o.ToVersion, recordWords(o.After)), a.doneWords(o)
	}
	return nil, "", a.doneWords(o)
}

func (a *app) failedOutcome(o api.Why) *failure {
	next := "the story: " + a.pkgd("why "+o.Package)
	if o.Outcome == api.OutcomeRevertFailed {
		if o.Restored != nil && well(o.Restored) {
			text := fmt.Sprintf("%s is back at %s and well, but not all of the refresh could be undone: %s", o.Package, backTo(o), o.Error)
			return &failure{text: text, next: next}
		}
		text := fmt.Sprintf("%s was taken back to %s and is not well: %s", o.Package, backTo(o), firstNonEmpty(recordWords(o.Restored), recordWords(o.After), o.Error))
		return &failure{text: text, next: next + " · both revisions are kept: " + a.pkgd("info "+o.Package)}
	}
	if o.Rule == "abort" {
		return &failure{text: fmt.Sprintf("the %s of %q was aborted and undone", o.Kind, o.Package)}
	}
	if o.Kind == "configure" || o.Kind == "services" {
		next = "its steps: " + a.pkgd("tasks "+o.Change)
	}
	err := cannot(kindWords(o), errorText(firstNonEmpty(o.Error, "it was undone")))
	return &failure{text: err.Error(), next: next}
}

// kindWords is what a change was to do to a package.
func kindWords(o api.Why) string {
	if o.Kind == "services" {
		return fmt.Sprintf("change services of package %q", o.Package)
	}
	return fmt.Sprintf("%s package %q", o.Kind, o.Package)
}

// backTo is the version that a failed revert brought back: of a refresh the old
// one, of a revert by hand the one it went to.
func backTo(o api.Why) string {
	if o.Kind == "revert" {
		return o.ToVersion
	}
	return o.FromVersion
}

func (a *app) revertedOutcome(o api.Why, target string) *failure {
	f := &failure{
		text: fmt.Sprintf("%s was refreshed to %s and taken back: %s", o.Package, o.ToVersion, reason(o.After)),
		next: fmt.Sprintf("the story: %s · once more: %s", a.pkgd("why "+o.Package), a.pkgd("refresh --retry-refused "+target)),
	}
	if o.Transaction != "" {
		f.text = fmt.Sprintf("%s was refreshed to %s and taken back for the sake of %q", o.Package, o.ToVersion, o.Transaction)
		f.next = "the story: " + a.pkgd("why "+o.Transaction)
	}
	return f
}

// recordWords is healthWords of a record that may not be there.
func recordWords(r *api.Record) string {
	if r == nil {
		return ""
	}
	return healthWords(*r)
}

// well tells whether there is nothing to worry about in a record: active, or
// nothing known because there is no hook.
func well(r *api.Record) bool {
	return r == nil || r.Status == "active" || r.Status == "unknown" && r.Code == ""
}

// doneWords is the answer for a package whose change was done.
func (a *app) doneWords(o api.Why) string {
	words := o.Package
	switch o.Kind {
	case "install":
		words += " " + o.ToVersion + " installed"
	case "refresh":
		words += " refreshed to " + o.ToVersion
	case "revert":
		words += " reverted to " + o.ToVersion
	case "remove":
		return words + " removed"
	default:
		return ""
	}
	if o.After != nil && o.After.Status != "unknown" {
		words += ", " + o.After.Status
	}
	return strings.TrimSpace(words)
}
