package cli

import (
	"context"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

type cmdInstall struct {
	Transaction string `long:"transaction" value-name:"all" choice:"all" description:"All or none: one that fails takes the others back"`
	Channel     string `long:"channel" value-name:"CHANNEL" description:"Take packages named by NAME from this channel of the stores"`
	DryRun      bool   `long:"dry-run" description:"Only say what would be done"`
	Dangerous   bool   `long:"dangerous" description:"Take unsigned content from a store although trust is configured"`
	waiting
	Args struct {
		Targets []string `positional-arg-name:"PATH|NAME..." required:"1" description:"A .pkg file, a directory tree, or the name of a package in a store"`
	} `positional-args:"yes"`
}

func installCommand() *command {
	return &command{
		name: "install", short: "Install packages", runner: &cmdInstall{},
		long: `Installs packages from files, from directories, or by name from the stores that the daemon's configuration names. An argument is a path when it contains a slash or ends in .pkg; what you name by path is taken on your word.

After its services have started the package is asked for its health. A first installation stays whatever it answers: there is nothing to go back to. Several packages are installed side by side, and one that fails leaves the others alone unless --transaction=all.`,
		examples: []example{
			{"pkgd install ./web_1.4.2.pkg", "from a file"},
			{"pkgd install ./web", "from a directory tree"},
			{"pkgd install web db --transaction=all", "both from the stores, or neither"},
		},
	}
}

func (c *cmdInstall) run(ctx context.Context, a *app, _ []string) error {
	return a.packages(ctx, c.Args.Targets, c.NoWait, api.PackageRequest{
		Action: "install", Transaction: c.Transaction, Channel: c.Channel, DryRun: c.DryRun, Dangerous: c.Dangerous,
	})
}

// packages performs one action on packages.
func (a *app) packages(ctx context.Context, words []string, noWait bool, req api.PackageRequest) error {
	req.Targets = a.targets(words)
	return a.perform(ctx, request{
		doing:  doing(req.Action, words),
		noWait: noWait,
		target: only(words),
		ask:    func(ctx context.Context) (client.Answer, error) { return a.client.Do(ctx, req) },
	})
}
