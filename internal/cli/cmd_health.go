package cli

import (
	"context"
	"fmt"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/remote"
)

type cmdHealth struct {
	History bool `long:"history" description:"List how the package's health has changed, newest first"`
	Watch   bool `long:"watch" short:"w" description:"Stay and show every change of health"`
	elsewhere
	Args struct {
		Name string `positional-arg-name:"NAME" description:"One package; without, all of the host"`
	} `positional-args:"yes"`
}

func healthCommand() *command {
	return &command{
		name: "health", short: "Show how packages are", runner: &cmdHealth{}, plugin: true,
		long: `Shows what was last heard of the packages' health, and runs nothing ("pkgd check" does). The host is OK when every package with a check-health hook is active, DEGRADED when one is waiting, in maintenance, unknown, stale or serves with less than full quality, FAULT when one is blocked or in error, and UNKNOWN when there is nothing to count.

It is a monitoring plug-in as it stands: the first line is for the monitoring system, with performance data when the output is no terminal, and it exits 0 for OK, 1 for DEGRADED, 2 for FAULT and 3 for UNKNOWN, errors and wrong usage. With NAME it answers for that package alone.

With --host it asks other hosts over ssh (your own ssh, its keys and its configuration; pkgd has to be there too) and puts their answers together in one order: worst first, and of what is equally bad the oldest. It exits for the worst of them: FAULT before UNKNOWN before DEGRADED. A host that does not answer is UNKNOWN, and is named.`,
		examples: []example{
			{"pkgd health", "all packages"},
			{"pkgd health web", "one package, with its checks"},
			{"pkgd health web --history", "how it has been"},
			{"pkgd health --watch", "stay, and show what changes"},
			{"pkgd health --host web1 --host ada@web2", "two other hosts"},
		},
	}
}

func (c *cmdHealth) run(ctx context.Context, a *app, _ []string) error {
	name := c.Args.Name
	switch {
	case len(c.Hosts) > 0:
		return c.runThere(ctx, a)
	case c.History && c.Watch:
		return a.usageError("--history and --watch do not go together")
	case c.History && name == "":
		return a.usageError("--history needs the NAME of a package")
	case c.Watch:
		return a.watchHealth(ctx, name)
	case c.History:
		return a.healthHistory(ctx, name)
	case name != "":
		r, err := a.client.Record(ctx, name)
		if err != nil {
			return cannot(doing("show the health of", []string{name}), err)
		}
		return a.showRecord(r)
	}
	h, err := a.client.Health(ctx)
	if err != nil {
		return cannot("show health", err)
	}
	return a.showHost(h)
}

// runThere asks other hosts.
func (c *cmdHealth) runThere(ctx context.Context, a *app) error {
	if c.History || c.Watch {
		return a.usageError("--host goes with neither --history nor --watch")
	}
	words := []string{"health", "--format=json"}
	if c.Args.Name != "" {
		words = append(words, "--", c.Args.Name)
	}
	return a.healthOf(ctx, question{elsewhere: c.elsewhere, words: words, usual: remote.Timeout, detail: c.Args.Name != ""})
}

func (a *app) showHost(h api.Health) error {
	h.Packages = list(h.Packages)
	if err := a.answer(h, func() error { return a.hostText(h, 0) }); err != nil {
		return err
	}
	return endWith(h.Level)
}

func (a *app) showRecord(r api.Record) error {
	r.Blockers, r.Checks = list(r.Blockers), list(r.Checks)
	if err := a.answer(r, func() error { return a.recordText(r) }); err != nil {
		return err
	}
	return endWith(recordLevel(r))
}

// hostText is the line for monitoring and a row a package, worst first.
func (a *app) hostText(h api.Health, width int) error {
	a.say("%s", a.hostLine(h))
	if len(h.Packages) == 0 {
		return nil
	}
	t := newTable(width, "NAME", "VERSION", "STATUS", "SINCE", "WHY")
	t.more = a.out.ellipsis()
	for _, r := range worstFirst(h.Packages) {
		t.add(plain(r.Package), plain(r.Version), a.statusCell(r.Status), plain(since(a.env.Now(), r.Since)), plain(a.recordWhy(r)))
	}
	return t.write(a.env.Stdout)
}

// recordWhy is why a package is as it is, on one line.
func (a *app) recordWhy(r api.Record) string {
	switch {
	case r.Stale && r.Last != nil:
		return fmt.Sprintf("pkgd-stale: last heard %s: %s", ago(a.env.Now(), r.Last.CheckedAt), healthWords(*r.Last))
	case r.Code != "" && r.Message != "":
		return r.Code + ": " + r.Message
	case r.Code != "" || r.Message != "":
		return r.Code + r.Message
	}
	if why := worstCheck(r); why != "" || !r.Stale {
		return why
	}
	return "as last heard " + ago(a.env.Now(), r.CheckedAt) + ", to be asked again"
}

// worstCheck tells of an active package what is not quite well in it.
func worstCheck(r api.Record) string {
	for _, health := range []string{"fail", "warn"} {
		for _, c := range r.Checks {
			if c.Health == health {
				return fmt.Sprintf("%s %s: %s", c.Name, health, c.Message)
			}
		}
	}
	if r.QoS != nil && *r.QoS < 1 {
		return fmt.Sprintf("quality of service %g", *r.QoS)
	}
	return ""
}

func (a *app) healthHistory(ctx context.Context, name string) error {
	h, err := a.client.History(ctx, name, 0)
	if err != nil {
		return cannot(doing("show the history of", []string{name}), err)
	}
	return a.answer(list(h), func() error {
		if len(h) == 0 {
			a.say("the health of %s has not changed yet", name)
			return nil
		}
		t := newTable(0, "WHEN", "REVISION", "FROM", "TO", "PHASE", "WHY")
		for _, tr := range h {
			t.add(plain(a.stamp(tr.At)), plain(fmt.Sprint(tr.Revision)), a.statusCell(tr.From), a.statusCell(tr.To), plain(tr.Phase), plain(transitionWhy(tr)))
		}
		return t.write(a.env.Stdout)
	})
}

func transitionWhy(t api.Transition) string {
	if t.Code != "" && t.Message != "" {
		return t.Code + ": " + t.Message
	}
	return t.Code + t.Message
}
