package cli

import (
	"context"

	"pkgd.io/pkgd/internal/api"
)

type cmdRemove struct {
	Purge  bool `long:"purge" description:"Delete data and configuration too"`
	DryRun bool `long:"dry-run" description:"Only say what would be done"`
	waiting
	Args struct {
		Names []string `positional-arg-name:"NAME..." required:"1" description:"The packages"`
	} `positional-args:"yes"`
}

func removeCommand() *command {
	return &command{
		name: "remove", short: "Remove packages", runner: &cmdRemove{},
		long:     `Stops a package's services and deletes the package. Its data and configuration are kept for a later installation unless --purge says otherwise.`,
		examples: []example{{"pkgd remove web", ""}, {"pkgd remove web --purge", "nothing of it stays"}},
	}
}

func (c *cmdRemove) run(ctx context.Context, a *app, _ []string) error {
	return a.packages(ctx, c.Args.Names, c.NoWait, api.PackageRequest{Action: "remove", Purge: c.Purge, DryRun: c.DryRun})
}
