package healthstate

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// Where a record comes from (api.Record.Source).
const (
	SourceHook = "hook"
	SourceApp  = "app"
	SourcePkgd = "pkgd"
)

// Outcome is what one run came to.
type Outcome struct {
	Record   api.Record // as far as this run tells; what an app said may have been stored instead
	Explicit bool       // the hook set the status itself
	Failed   bool       // the hook failed or was not done in time, whatever it said
	Output   []byte     // last 64 KiB of the hook's, both streams

	silent bool // nobody said anything: an app's record outlives that
	rolled bool // the status comes from checks
	exit   int  // of the hook
}

// Status is the status that the run came to.
func (o Outcome) Status() Status { return Status(o.Record.Status) }

// ownError tells a hook that says itself that the package is broken: its words
// tell more than what pkgd sees of services.
func (o Outcome) ownError() bool { return o.Explicit && o.Status() == Error }

// heard is all that one run gave: the hook's end and words, the plug-ins'
// checks, and the service that is down.
type heard struct {
	hook    *hookrunner.Result // nil: the package has no check-health
	words   Pending
	plugins []api.Check
	at      time.Time // when all was heard
	down    string    // a service that should be up, with the reason; empty: none
	up      bool      // there are services that should be up, and all are
}

// conclude makes the outcome of a run of t (design §2).
func conclude(t Target, phase hookrunner.Phase, h heard) Outcome {
	o := Outcome{Record: blank(t)}
	o.Record.Phase, o.Record.Source = string(phase), SourceHook
	o.Record.CheckedAt, o.Record.Since = &h.at, &h.at
	o.Record.Checks = MergeChecks(h.words.Checks, h.plugins)
	o.Record.Health, o.Record.QoS = worstHealth(o.Record.Checks), leastQoS(o.Record.Checks)
	switch {
	case h.hook != nil && !h.hook.Missing:
		o.fromHook(t, *h.hook, h.words)
	case len(o.Record.Checks) > 0:
		o.rollUp(t)
	case t.asks():
		o.silence()
	case h.up:
		o.set(Active, "", "")
		o.Record.Source = SourcePkgd
	default:
		o.Record.Source = ""
	}
	if h.down != "" && !o.ownError() {
		o.serviceDown(h.down)
	}
	return o
}

func (o *Outcome) fromHook(t Target, res hookrunner.Result, words Pending) {
	o.exit, o.Output = res.ExitCode, res.Output
	o.Failed = res.TimedOut || res.ExitCode != 0
	switch {
	case res.TimedOut:
		o.set(Error, CodeHookTimeout, "did not end within "+res.Timeout.String()+lastWords(words))
	case o.Failed && (words.Status == "" || words.Status == Active):
		o.set(Error, CodeHookFailed, res.Err().Error())
	case words.Status != "":
		o.set(words.Status, words.Code, words.Message)
		o.Record.Blockers = append([]string{}, words.Blockers...)
		o.Explicit = true
	case len(o.Record.Checks) > 0:
		o.rollUp(t)
	default:
		o.silence()
	}
}

// lastWords is what a hook had said before it was ended.
func lastWords(words Pending) string {
	if words.Status == "" {
		return ""
	}
	text := "; it had said " + string(words.Status)
	if words.Code != "" {
		text += " " + words.Code
	}
	if words.Message != "" {
		text += ": " + words.Message
	}
	return text
}

func (o *Outcome) set(status Status, code, message string) {
	o.Record.Status, o.Record.Code, o.Record.Message = string(status), code, tidy(message)
}

func (o *Outcome) rollUp(t Target) {
	o.set(RollUp(t.Rollup, o.Record.Checks))
	o.rolled = true
}

func (o *Outcome) silence() {
	o.set(Unknown, CodeNoHealthSet, "")
	o.silent = true
}

// serviceDown overrides whatever was said: a service that should be up is not.
func (o *Outcome) serviceDown(why string) {
	if s := o.Status(); s != Unknown && s != Active {
		why = fmt.Sprintf("%s (the hook says %s)", why, s)
	}
	o.set(Error, CodeServiceDown, why)
	o.Record.Source, o.Record.Blockers = SourcePkgd, []string{}
	o.Explicit, o.silent, o.rolled = false, false, false
}

// stillFailing makes an error of the words of a hook that failed to the end: a
// settle window gives time to become well, and this one did not.
func (o *Outcome) stillFailing() {
	s := o.Status()
	if !o.Failed || s == Error {
		return
	}
	text := fmt.Sprintf("the hook still failed when its time to settle was over; it says %s", s)
	if o.Record.Message != "" {
		text += ": " + o.Record.Message
	}
	code := o.Record.Code
	if code == "" {
		code = CodeHookFailed
	}
	o.set(Error, code, text)
	o.Explicit = false
}

// dated takes from the stored record what one run cannot tell, if that says the
// same.
func (o *Outcome) dated(stored api.Record) {
	if stored.Status == o.Record.Status && stored.Code == o.Record.Code && stored.Since != nil {
		o.Record.Since = stored.Since
	}
	o.Record.Runs, o.Record.TTL = stored.Runs, stored.TTL
}

// blank is the record of a package of which nothing is known.
func blank(t Target) api.Record {
	return api.Record{
		Package:  t.Name,
		Revision: t.Revision,
		Version:  t.Version,
		Status:   string(Unknown),
		Blockers: []string{},
		Checks:   []api.Check{},
	}
}
