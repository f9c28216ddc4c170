package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

type cmdWhy struct {
	Args struct {
		Name string `positional-arg-name:"NAME" required:"1" description:"The package"`
	} `positional-args:"yes"`
}

func whyCommand() *command {
	return &command{
		name: "why", short: "Tell the story of a package's last change", runner: &cmdWhy{},
		long: `Tells how a package was before its last change and how after, which checks differ, the rule that was applied, what was restored and what was not, until when the content is refused, and the last words of its hook.`,
	}
}

func (c *cmdWhy) run(ctx context.Context, a *app, _ []string) error {
	why, err := a.client.Why(ctx, c.Args.Name)
	if err != nil {
		return cannot(fmt.Sprintf("tell the story of package %q", c.Args.Name), err)
	}
	return a.answer(why, func() error { return a.whyText(why) })
}

func (a *app) whyText(w api.Why) error {
	a.say("%s", a.out.bold(a.out.text(a.whyHead(w))))
	a.say("")
	f := a.fields()
	f.add("before", a.whyRecord(w.Before))
	f.add("after", a.whyRecord(w.After)+runsWords(w.Runs))
	f.add("checks", a.checkDiff(w.CheckDiff))
	f.add("rule", ruleWords(w))
	f.add("error", whyError(w))
	f.add("restored", a.restoredWords(w))
	f.add("set aside", a.asideWords(w))
	f.add("refused", a.refusedWords(w))
	f.add("took", tookWords(w))
	f.add("hook said", a.out.text(harmlessLines(strings.TrimRight(w.HookOutput, "\n"))))
	f.add("next", a.out.text(a.whyNext(w)))
	return f.write()
}

// whyHead is the story in one line.
func (a *app) whyHead(w api.Why) string {
	head := fmt.Sprintf("%s %s → %s", w.Package, firstNonEmpty(w.FromVersion, "nothing"), firstNonEmpty(w.ToVersion, "nothing"))
	switch w.Kind {
	case "install":
		head = w.Package + " " + w.ToVersion
	case "remove":
		head = w.Package + " " + w.FromVersion
	}
	at := w.At
	return fmt.Sprintf("%s %s %s (change %s)", head, outcomeWords(w), ago(a.env.Now(), &at), w.Change)
}

func outcomeWords(w api.Why) string {
	switch w.Outcome {
	case api.OutcomeReverted:
		return "was taken back"
	case api.OutcomeKept:
		return "was kept"
	case api.OutcomeUnproven:
		return "was kept, unproven,"
	case api.OutcomeRevertFailed:
		return "was taken back without success"
	case api.OutcomeFailed:
		return "failed and was undone"
	}
	switch w.Kind {
	case "install":
		return "was installed"
	case "remove":
		return "was removed"
	case "revert":
		return "was taken back by hand"
	}
	return "was refreshed"
}

// whyError is what failed, where that is not what the rest of the story tells.
func whyError(w api.Why) string {
	told := w.Restored != nil
	if w.Outcome == api.OutcomeFailed {
		told = w.Rule == healthstate.RuleAbort // nothing but the error tells why a change failed
	}
	if w.Outcome == api.OutcomeReverted || told {
		return ""
	}
	return w.Error
}

func (a *app) whyRecord(r *api.Record) string {
	if r == nil {
		return ""
	}
	return strings.Replace(healthWords(*r), r.Status, a.out.status(r.Status), 1)
}

func runsWords(runs int) string {
	if runs < 2 {
		return ""
	}
	return fmt.Sprintf(" (the last of %d runs)", runs)
}

func (a *app) checkDiff(diff []api.CheckDiff) string {
	var lines []string
	for _, d := range diff {
		line := fmt.Sprintf("%s: %s → %s", d.Name, firstNonEmpty(d.Before, "absent"), firstNonEmpty(d.After, "absent"))
		if d.Message != "" {
			line += "  " + d.Message
		}
		lines = append(lines, a.out.text(line))
	}
	return strings.Join(lines, "\n")
}

// ruleWords is the rule with what it means.
func ruleWords(w api.Why) string {
	if w.Rule == "" {
		return ""
	}
	if meaning := healthstate.Meaning(w.Rule, w.Outcome); meaning != "" {
		return w.Rule + ": " + meaning
	}
	return w.Rule
}

// wentBack says that a revision was put back in the place of the one that had
// taken it: what failed before the switch has nothing to restore.
func wentBack(w api.Why) bool {
	switch w.Outcome {
	case api.OutcomeReverted, api.OutcomeRevertFailed:
		return true
	case api.OutcomeFailed:
		return w.From != 0 && (w.DataRestored || w.Restored != nil)
	}
	return false
}

// restoredWords is what came back, and that common data never do.
func (a *app) restoredWords(w api.Why) string {
	if !wentBack(w) {
		return ""
	}
	data := "program, data and configuration"
	switch {
	case w.DataShared:
		data = "program and configuration; the data are shared by all revisions (data: {versioned: false}) and stay as they are"
	case !w.DataRestored:
		data = "program and configuration"
	}
	text := fmt.Sprintf("revision %d (%s): %s", w.From, w.FromVersion, data)
	if w.Restored != nil {
		text += "\nits hook says: " + a.whyRecord(w.Restored)
	}
	if !w.DataShared {
		text += "\ncommon data are shared by all revisions: neither copied nor restored"
	}
	return text
}

func (a *app) asideWords(w api.Why) string {
	if w.SetAside == "" {
		return ""
	}
	return fmt.Sprintf("what %s wrote is kept for seven days as %s: %s", leftVersion(w), w.SetAside, a.pkgd("data "+w.Package))
}

// leftVersion is the version that was left: by a revert by hand the old one.
func leftVersion(w api.Why) string {
	if w.Kind == "revert" {
		return w.FromVersion
	}
	return w.ToVersion
}

func (a *app) refusedWords(w api.Why) string {
	if w.RefusedUntil == nil {
		return ""
	}
	return fmt.Sprintf("automatic refresh skips this content until %s (%s)", a.stamp(*w.RefusedUntil), in(a.env.Now(), w.RefusedUntil))
}

func tookWords(w api.Why) string {
	words := human.Seconds(w.Elapsed)
	if w.Downtime > 0 {
		words += ", " + human.Seconds(w.Downtime) + " of it without services"
	}
	return words
}

// whyNext is what a person may do now.
func (a *app) whyNext(w api.Why) string {
	switch {
	case w.WantsPerson:
		return fmt.Sprintf("take it back: %s · keep it: %s", a.pkgd("revert "+w.Package), a.pkgd("refresh --accept "+w.Package))
	case w.Transaction != "":
		return "the one that failed: " + a.pkgd("why "+w.Transaction)
	case w.Outcome == api.OutcomeReverted, w.Outcome == api.OutcomeFailed && w.RefusedUntil != nil:
		return "once more: " + a.pkgd("refresh --retry-refused "+cmp.Or(w.Path, w.Package)) + " · a new build is tried as ever"
	case w.Outcome == api.OutcomeRevertFailed:
		return fmt.Sprintf("both revisions are kept: %s · ask it again: %s", a.pkgd("info "+w.Package), a.pkgd("check "+w.Package))
	case w.Outcome == api.OutcomeUnproven || w.Outcome == api.OutcomeKept:
		return fmt.Sprintf("how it is now: %s · take it back: %s", a.pkgd("health "+w.Package), a.pkgd("revert "+w.Package))
	}
	return ""
}
