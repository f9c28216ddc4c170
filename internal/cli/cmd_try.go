package cli

import (
	"context"
	"errors"
	"fmt"

	"pkgd.io/pkgd/internal/api"
)

type cmdTry struct {
	Watch bool `long:"watch" short:"w" description:"Stay, and refresh again whenever something in DIR changes"`
	Args  struct {
		Dir string `positional-arg-name:"DIR" required:"1" description:"The package's tree"`
	} `positional-args:"yes"`
}

func tryCommand() *command {
	return &command{
		name: "try", short: "Install or refresh from a directory while you work on it", runner: &cmdTry{},
		long:     `Installs a package from its tree, or refreshes it when it is installed, even to content that was taken back before. With --watch it does so again on every change, and goes on after failures.`,
		examples: []example{{"pkgd try ./web --watch", ""}},
	}
}

func (c *cmdTry) run(ctx context.Context, a *app, _ []string) error {
	dir := a.abs(c.Args.Dir)
	if !c.Watch {
		return a.try(ctx, dir)
	}
	w, err := newTreeWatch(dir)
	if err != nil {
		return cannot("watch "+c.Args.Dir, err)
	}
	defer w.close()
	for {
		var code exit
		if err := a.try(ctx, dir); err != nil && ctx.Err() == nil && !errors.As(err, &code) {
			a.tellError(err)
		}
		a.story("%s", a.err.dim(a.err.text("watching "+c.Args.Dir+" …")))
		if err := w.wait(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // the person has had enough
			}
			return cannot("watch "+c.Args.Dir, err)
		}
	}
}

func (a *app) try(ctx context.Context, dir string) error {
	info, err := readTree(dir)
	if err != nil {
		return cannot(fmt.Sprintf("try %q", dir), err)
	}
	req := api.PackageRequest{Action: "refresh", RetryRefused: true}
	_, err = a.client.Package(ctx, info.Name)
	switch {
	case kind(err) == api.ErrNotInstalled:
		req = api.PackageRequest{Action: "install"}
	case err != nil:
		return cannot(doing("try", []string{info.Name}), err)
	}
	return a.packages(ctx, []string{dir + "/"}, false, req)
}
