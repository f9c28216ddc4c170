package cli

import (
	"context"
	"strconv"

	"pkgd.io/pkgd/internal/api"
)

type cmdList struct{}

func listCommand() *command {
	return &command{
		name: "list", short: "List what is installed", runner: &cmdList{},
		long: `Lists the installed packages with the revision that runs and its health. In JSON the content's digest stands with each.`,
	}
}

func (*cmdList) run(ctx context.Context, a *app, _ []string) error {
	packages, err := a.client.Packages(ctx)
	if err != nil {
		return cannot("list packages", err)
	}
	return a.answer(list(packages), func() error { return a.listTable(packages) })
}

func (a *app) listTable(packages []api.Package) error {
	if len(packages) == 0 {
		a.say("no packages are installed; see: pkgd help install")
		return nil
	}
	t := newTable(0, "NAME", "VERSION", "REVISION", "STATUS", "NOTES")
	for _, p := range packages {
		notes := ""
		if p.Held {
			notes = "held"
		}
		t.add(plain(p.Name), plain(p.Version), plain(strconv.Itoa(p.Revision)), a.statusCell(p.Status), plain(notes))
	}
	return t.write(a.env.Stdout)
}

func (a *app) statusCell(status string) cell {
	return cell{status, func(text string) string { return a.out.paintStatus(status, text) }}
}
