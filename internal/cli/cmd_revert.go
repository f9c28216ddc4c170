package cli

import (
	"context"

	"pkgd.io/pkgd/internal/api"
)

type cmdRevert struct {
	ToRevision int  `long:"to-revision" value-name:"N" description:"Go to this kept revision instead of the one before"`
	DryRun     bool `long:"dry-run" description:"Only say what would be done"`
	waiting
	Args struct {
		Name string `positional-arg-name:"NAME" required:"1" description:"The package"`
	} `positional-args:"yes"`
}

func revertCommand() *command {
	return &command{
		name: "revert", short: "Go back to the revision before", runner: &cmdRevert{},
		long: `Goes back to the revision that was current before, with its data and configuration as they were when it was left. What the revision that is left has written is set aside for seven days (see "pkgd data"), and automatic refresh refuses its content until you refresh to it by hand with --retry-refused.

Data that all revisions share (common) are neither copied nor restored.`,
		examples: []example{{"pkgd revert web", ""}, {"pkgd revert web --to-revision 3", "see \"pkgd info web\" for what is kept"}},
	}
}

func (c *cmdRevert) run(ctx context.Context, a *app, _ []string) error {
	if c.ToRevision < 0 {
		return a.usageError("--to-revision wants the number of a revision, 1 or more")
	}
	return a.packages(ctx, []string{c.Args.Name}, c.NoWait, api.PackageRequest{
		Action: "revert", ToRevision: c.ToRevision, DryRun: c.DryRun,
	})
}
