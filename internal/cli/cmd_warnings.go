package cli

import (
	"context"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

type cmdWarnings struct{}

func warningsCommand() *command {
	return &command{
		name: "warnings", short: "List what a person should know of", runner: &cmdWarnings{},
		long: `Lists warnings. They go by themselves when the package is active again, fade after 28 days, and are dismissed by "pkgd okay".`,
	}
}

func (*cmdWarnings) run(ctx context.Context, a *app, _ []string) error {
	warnings, err := a.client.Warnings(ctx)
	if err != nil {
		return cannot("list warnings", err)
	}
	return a.answer(list(warnings), func() error { return a.warningsTable(warnings) })
}

func (a *app) warningsTable(warnings []api.Warning) error {
	if len(warnings) == 0 {
		a.say("no warnings")
		return nil
	}
	t := newTable(0, "PACKAGE", "LAST", "COUNT", "WARNING")
	for _, w := range warnings {
		t.row(w.Package, ago(a.env.Now(), &w.Last), fmt.Sprint(w.Count), w.Message)
	}
	if err := t.write(a.env.Stdout); err != nil {
		return err
	}
	a.story("dismiss them: %s", a.pkgd("okay"))
	return nil
}

type cmdOkay struct{}

func okayCommand() *command {
	return &command{
		name: "okay", short: "Dismiss the warnings that there are", runner: &cmdOkay{},
		long: `Dismisses all warnings up to now. One that comes up again is shown again, no sooner than a day later.`,
	}
}

func (*cmdOkay) run(ctx context.Context, a *app, _ []string) error {
	warnings, err := a.client.Warnings(ctx)
	if err != nil {
		return cannot("dismiss warnings", err)
	}
	var until time.Time // of what is there now: what comes meanwhile is not dismissed unseen
	for _, w := range warnings {
		if w.Last.After(until) {
			until = w.Last
		}
	}
	if len(warnings) > 0 {
		if err := a.client.Okay(ctx, until); err != nil {
			return cannot("dismiss warnings", err)
		}
	}
	return a.answer(map[string]int{"dismissed": len(warnings)}, func() error {
		a.say("%s dismissed", human.Count(len(warnings), "warning"))
		return nil
	})
}
