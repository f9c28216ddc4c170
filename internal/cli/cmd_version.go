package cli

import (
	"context"

	"pkgd.io/pkgd/internal/version"
)

type cmdVersion struct{}

func versionCommand() *command {
	return &command{
		name: "version", short: "Print pkgd's version", runner: &cmdVersion{},
		long: `Prints the version of this program. The daemon's own is in "pkgd debug system".`,
	}
}

func (*cmdVersion) run(_ context.Context, a *app, _ []string) error {
	v := version.String()
	return a.answer(map[string]string{"version": v}, func() error { a.say("pkgd %s", v); return nil })
}
