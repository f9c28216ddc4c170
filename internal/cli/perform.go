package cli

import (
	"context"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

// waiting is the option of every command that begins a change.
type waiting struct {
	NoWait bool `long:"no-wait" description:"Begin, print the change's id, and do not wait for its end"`
}

// request is one thing to ask of the daemon that may take a change.
type request struct {
	doing  string // "refresh package \"web\"", for errors
	ask    func(ctx context.Context) (client.Answer, error)
	noWait bool
	target string // what the person typed, where it was one thing
}

// perform asks, tells the story while it lasts, prints the answer, and ends with
// the exit code that the outcome asks for.
func (a *app) perform(ctx context.Context, r request) error {
	ans, err := r.ask(ctx)
	if err != nil {
		return cannot(r.doing, err)
	}
	if ans.Change == "" {
		return a.nothingToDo(ans.Result)
	}
	for _, m := range ans.Result.Messages {
		a.story("%s", m)
	}
	if r.noWait {
		return a.answer(map[string]string{"change": ans.Change}, func() error {
			a.say("%s", ans.Change)
			return nil
		})
	}
	return a.await(ctx, ans.Change, r)
}

// await follows a change to its end and draws the conclusion.
func (a *app) await(ctx context.Context, id string, r request) error {
	chg, err := a.follow(ctx, id)
	if err != nil {
		return err
	}
	if err := a.answer(chg, func() error { return nil }); err != nil {
		return err
	}
	if len(chg.Outcomes) == 0 && !doneWell(chg) {
		return cannot(r.doing, errorText(firstNonEmpty(chg.Err, "the change ended as "+chg.Status)))
	}
	for _, o := range chg.Outcomes {
		a.conclude(o, r.target)
	}
	if code := changeCode(chg); code != exitDone {
		return exit(code)
	}
	return nil
}

type errorText string

func (e errorText) Error() string { return string(e) }

// conclude says what is left to say of one package.
func (a *app) conclude(o api.Why, target string) {
	f, warning, answer := a.verdict(o, target)
	if answer != "" && a.format == "text" {
		a.say("%s", answer)
	}
	switch {
	case warning != "":
		a.story("%s %s", a.err.yellow("warning:"), a.err.text(warning))
		a.story("  %s", a.err.text(f.next))
	case f != nil:
		a.tellError(f)
	}
}

// nothingToDo prints why there is no change, or the plan of a dry run.
func (a *app) nothingToDo(res api.PackageResult) error {
	return a.answer(res, func() error {
		for _, item := range res.Plan {
			if item.Reason == "" {
				a.say("would %s %s", item.Action, a.out.text(heading(item)))
			}
		}
		for _, m := range res.Messages {
			a.say("%s", m)
		}
		if len(res.Plan) == 0 && len(res.Messages) == 0 {
			a.say("nothing to do")
		}
		return nil
	})
}

// targets makes of what was typed what the daemon understands: a path (it
// contains a slash or ends in .pkg) is sent absolute, a name as it is.
func (a *app) targets(words []string) []string {
	var targets []string
	for _, w := range words {
		if strings.Contains(w, "/") || strings.HasSuffix(w, ".pkg") {
			w = a.abs(w)
		}
		targets = append(targets, w)
	}
	return targets
}

// doing names an action and what it is done to: `refresh package "web"`.
func doing(action string, words []string) string {
	switch len(words) {
	case 0:
		return action + " packages"
	case 1:
		return action + ` package "` + packageWord(words[0]) + `"`
	}
	quotedWords := make([]string, len(words))
	for i, w := range words {
		quotedWords[i] = `"` + packageWord(w) + `"`
	}
	return action + " packages " + strings.Join(quotedWords, ", ")
}

func packageWord(word string) string {
	if strings.Contains(word, "/") {
		return filepath.Base(filepath.Clean(word))
	}
	return word
}

func only(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return ""
}
