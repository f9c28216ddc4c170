package cli

import (
	"context"

	"pkgd.io/pkgd/internal/api"
)

type cmdRefresh struct {
	NoRevert     bool   `long:"no-revert" description:"Keep the new revision even if it turns out broken"`
	Transaction  string `long:"transaction" value-name:"all" choice:"all" description:"All or none: one that fails takes the others back"`
	RetryRefused bool   `long:"retry-refused" description:"Try content once more that was taken back before"`
	Accept       bool   `long:"accept" description:"Accept a package as it is after a refresh that asked for a person; fetches nothing"`
	Channel      string `long:"channel" value-name:"CHANNEL" description:"Follow this channel of the stores from now on"`
	DryRun       bool   `long:"dry-run" description:"Only say what would be done"`
	Dangerous    bool   `long:"dangerous" description:"Take unsigned content from a store although trust is configured"`
	waiting
	Args struct {
		Targets []string `positional-arg-name:"NAME|PATH..." description:"What to refresh; without any, all that is not held"`
	} `positional-args:"yes"`
}

func refreshCommand() *command {
	return &command{
		name: "refresh", short: "Bring packages up to date, and back if they break", runner: &cmdRefresh{},
		long: `Puts the newest revision of packages in place of the one that runs. The package's check-health hook is run before and after. A package that was active before and is in error after is taken back by itself: the old revision, its data, its configuration and its services. Its content is then refused for a while; --retry-refused tries it all the same.

A package that was active and is now blocked stays, and you are asked: take it back with "pkgd revert", or keep it with --accept.

Exits 0 when all is done, 1 when something failed, 10 when a package was refreshed and taken back because of its health, 11 when one was kept but wants a person; of several packages the first of 1, 10, 11, 0.`,
		examples: []example{
			{"pkgd refresh", "everything that is not held"},
			{"pkgd refresh web", "one package, from its channel"},
			{"pkgd refresh ./web_1.5.0.pkg", "one package, from a file"},
		},
	}
}

func (c *cmdRefresh) run(ctx context.Context, a *app, _ []string) error {
	if c.Accept {
		return c.accept(ctx, a)
	}
	return a.packages(ctx, c.Args.Targets, c.NoWait, api.PackageRequest{
		Action: "refresh", NoRevert: c.NoRevert, RetryRefused: c.RetryRefused,
		Transaction: c.Transaction, Channel: c.Channel, DryRun: c.DryRun, Dangerous: c.Dangerous,
	})
}

func (c *cmdRefresh) accept(ctx context.Context, a *app) error {
	if c.NoRevert || c.RetryRefused || c.DryRun || c.Transaction != "" || c.Channel != "" {
		return a.usageError("--accept goes with no other option: it refreshes nothing")
	}
	if len(c.Args.Targets) == 0 {
		return a.usageError("--accept needs the NAME of the package to accept")
	}
	return a.packages(ctx, c.Args.Targets, c.NoWait, api.PackageRequest{Action: "accept"})
}
