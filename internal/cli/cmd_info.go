package cli

import (
	"context"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

type cmdInfo struct {
	Args struct {
		Name string `positional-arg-name:"NAME" required:"1" description:"The package"`
	} `positional-args:"yes"`
}

func infoCommand() *command {
	return &command{
		name: "info", short: "Tell all of one package", runner: &cmdInfo{},
		long: `Tells a package's version, channel, services and the revisions that are on this host: the current one, those kept for a revert, and those refused after one.`,
	}
}

func (c *cmdInfo) run(ctx context.Context, a *app, _ []string) error {
	info, err := a.client.Package(ctx, c.Args.Name)
	if err != nil {
		return cannot(doing("show", []string{c.Args.Name}), err)
	}
	info.Services, info.Revisions = list(info.Services), list(info.Revisions)
	info.Apps, info.Hooks = list(info.Apps), list(info.Hooks)
	return a.answer(info, func() error { return a.infoText(info) })
}

func (a *app) infoText(info api.PackageInfo) error {
	now := a.env.Now()
	f := a.fields()
	f.add("name", info.Name)
	f.add("summary", info.Summary)
	f.add("version", info.Version+" (revision "+strconv.Itoa(info.Revision)+")")
	f.add("channel", info.Channel)
	f.add("health", a.out.status(info.Status))
	if info.InstalledAt != nil {
		f.add("installed", ago(now, info.InstalledAt))
	}
	f.add("held", heldWords(a, info))
	f.add("asks", info.Question)
	f.add("in change", info.Change)
	f.add("apps", strings.Join(info.Apps, ", "))
	f.add("hooks", strings.Join(info.Hooks, ", "))
	if !info.Versioned {
		f.add("data", "shared by all revisions: never copied nor restored")
	}
	if err := f.write(); err != nil {
		return err
	}
	if err := a.infoServices(info.Services); err != nil {
		return err
	}
	return a.infoRevisions(info.Revisions)
}

func heldWords(a *app, info api.PackageInfo) string {
	switch {
	case !info.Held:
		return ""
	case info.HeldUntil == nil:
		return "until " + a.pkgd("unhold "+info.Name)
	}
	return "until " + a.stamp(*info.HeldUntil) + " (" + in(a.env.Now(), info.HeldUntil) + ")"
}

func (a *app) infoServices(services []api.Service) error {
	if len(services) == 0 {
		return nil
	}
	a.say("")
	t := newTable(0, "SERVICE", "STATE", "RESTARTS", "WHY")
	for _, s := range services {
		t.add(plain(s.Name), a.statusCell(s.State), plain(strconv.Itoa(s.Restarts)), plain(s.Detail))
	}
	return t.write(a.env.Stdout)
}

func (a *app) infoRevisions(revisions []api.RevisionInfo) error {
	a.say("")
	t := newTable(0, "REVISION", "VERSION", "STATE", "DIGEST")
	for _, r := range revisions {
		state := r.State
		if r.RefusedUntil != nil {
			state += " for " + strings.TrimPrefix(in(a.env.Now(), r.RefusedUntil), "in ")
		}
		t.row(strconv.Itoa(r.Revision), r.Version, state, shortDigest(r.Digest))
	}
	return t.write(a.env.Stdout)
}

// shortDigest is enough of a digest to recognise it; JSON has all of it.
func shortDigest(digest string) string {
	if len(digest) > 19 {
		return digest[:19]
	}
	return digest
}
