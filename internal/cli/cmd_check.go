package cli

import (
	"context"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
)

type cmdCheck struct {
	Verbose bool `long:"verbose" short:"v" description:"Show what the hook printed"`
	elsewhere
	Args struct {
		Names []string `positional-arg-name:"NAME..." description:"Packages to check; without any, all that have a hook"`
	} `positional-args:"yes"`
}

func checkCommand() *command {
	return &command{
		name: "check", short: "Run health checks now", runner: &cmdCheck{}, plugin: true,
		long: `Runs the check-health hooks of packages now, shows what they say and records it. It makes no change and reverts nothing. A check that is running already is joined, not run twice.

It exits as "pkgd health" does: 0 for OK, 1 for DEGRADED, 2 for FAULT, 3 for UNKNOWN, errors and wrong usage. With --host it runs them on other hosts over ssh, and puts the answers together as "pkgd health --host" does.`,
		examples: []example{
			{"pkgd check", "all packages"},
			{"pkgd check web --verbose", "one, with the hook's output"},
			{"pkgd check web --host root@web1 --host root@web2", "one, on two hosts"},
		},
	}
}

func (c *cmdCheck) run(ctx context.Context, a *app, _ []string) error {
	if len(c.Hosts) > 0 {
		return c.runThere(ctx, a)
	}
	h, err := a.client.Check(ctx, api.HealthRequest{Names: c.Args.Names, Verbose: c.Verbose})
	if err != nil {
		return cannot(doing("check", c.Args.Names), err)
	}
	if len(c.Args.Names) == 1 && len(h.Packages) == 1 {
		err = a.showRecord(h.Packages[0])
	} else {
		err = a.showHost(h)
	}
	if a.format == "text" {
		for _, r := range h.Packages {
			a.output(r, "")
		}
	}
	return err
}

// runThere checks on other hosts. One whose hooks take their whole time has not
// failed to answer.
func (c *cmdCheck) runThere(ctx context.Context, a *app) error {
	words := []string{"check", "--format=json"}
	if c.Verbose {
		words = append(words, "--verbose")
	}
	words = append(append(words, "--"), c.Args.Names...)
	return a.healthOf(ctx, question{elsewhere: c.elsewhere, words: words, usual: time.Minute, detail: len(c.Args.Names) == 1})
}

// output shows what a hook printed, set off from our own words. where is empty,
// or says on which host.
func (a *app) output(r api.Record, where string) {
	if r.Output == "" {
		return
	}
	a.say("\noutput of %s%s:", r.Package, where)
	for line := range strings.Lines(r.Output) {
		a.say("  %s", harmless(strings.TrimRight(line, "\r\n")))
	}
}
