package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/confdoc"
)

type cmdGet struct {
	Args struct {
		Name string   `positional-arg-name:"NAME" required:"1" description:"The package"`
		Keys []string `positional-arg-name:"KEY..." description:"What to show; without any, all. A dot leads into an object: ports.http"`
	} `positional-args:"yes"`
}

func getCommand() *command {
	return &command{
		name: "get", short: "Show a package's configuration", runner: &cmdGet{},
		long:     `Prints the value of a key: strings bare, everything else as JSON. With several keys, or none, prints one JSON object. Exits 1 when a key has no value.`,
		examples: []example{{"pkgd get web", "all of it"}, {"pkgd get web ports.http", "one value"}},
	}
}

func (c *cmdGet) run(ctx context.Context, a *app, _ []string) error {
	doc, err := a.client.Config(ctx, c.Args.Name, c.Args.Keys)
	if err != nil {
		return cannot(fmt.Sprintf("get configuration of package %q", c.Args.Name), err)
	}
	return a.answer(doc, func() error {
		_, err := io.WriteString(a.env.Stdout, confdoc.Print(doc)+"\n")
		return err
	})
}

type cmdSet struct {
	waiting
	Args struct {
		Name   string   `positional-arg-name:"NAME" required:"1" description:"The package"`
		Values []string `positional-arg-name:"KEY=VALUE..." required:"1" description:"A value is JSON where it parses as such, else a string"`
	} `positional-args:"yes"`
}

func setCommand() *command {
	return &command{
		name: "set", short: "Change a package's configuration", runner: &cmdSet{},
		long:     `Changes configuration in a change: the package's configure hook sees the new values, and if it fails none is kept.`,
		examples: []example{{"pkgd set web port=8080 motd=hello", ""}, {`pkgd set web 'ports={"http":80}'`, "a value may be any JSON"}},
	}
}

func (c *cmdSet) run(ctx context.Context, a *app, _ []string) error {
	req := api.ConfigRequest{}
	for _, pair := range c.Args.Values {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return a.usageError(fmt.Sprintf("%q is not KEY=VALUE", pair))
		}
		req[key] = confdoc.ParseValue(value)
	}
	return a.configure(ctx, "set", c.Args.Name, req, c.NoWait)
}

type cmdUnset struct {
	waiting
	Args struct {
		Name string   `positional-arg-name:"NAME" required:"1" description:"The package"`
		Keys []string `positional-arg-name:"KEY..." required:"1" description:"What to unset"`
	} `positional-args:"yes"`
}

func unsetCommand() *command {
	return &command{
		name: "unset", short: "Take values out of a package's configuration", runner: &cmdUnset{},
		long: `Unsets keys, as "pkgd set" sets them: in a change, by leave of the package's configure hook.`,
	}
}

func (c *cmdUnset) run(ctx context.Context, a *app, _ []string) error {
	req := api.ConfigRequest{}
	for _, key := range c.Args.Keys {
		req[key] = json.RawMessage("null")
	}
	return a.configure(ctx, "unset", c.Args.Name, req, c.NoWait)
}

func (a *app) configure(ctx context.Context, verb, name string, req api.ConfigRequest, noWait bool) error {
	what := fmt.Sprintf("%s configuration of package %q", verb, name)
	change, err := a.client.SetConfig(ctx, name, req)
	if err != nil {
		return cannot(what, err)
	}
	return a.begun(ctx, change, what, noWait)
}
