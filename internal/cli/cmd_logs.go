package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
)

type cmdLogs struct {
	Lines  int  `short:"n" value-name:"N" default:"100" description:"So many of the last lines (default 100)"`
	Follow bool `short:"f" long:"follow" description:"Stay and show lines as they come"`
	Args   struct {
		Names []string `positional-arg-name:"NAME[.SERVICE]..." required:"1" description:"Packages or services"`
	} `positional-args:"yes"`
}

func logsCommand() *command {
	return &command{
		name: "logs", short: "Show what services print", runner: &cmdLogs{},
		long: `Shows the last lines that services wrote to stdout and stderr, oldest first. In JSON each line is one object of its own.`,
	}
}

func (c *cmdLogs) run(ctx context.Context, a *app, _ []string) error {
	if c.Lines < 0 {
		return a.usageError("-n wants a number of lines")
	}
	err := a.client.Logs(ctx, c.Args.Names, c.Lines, c.Follow, a.logLine)
	if c.Follow && ctx.Err() != nil {
		return nil // the person has seen enough
	}
	return cannot("show logs", err)
}

func (a *app) logLine(l api.LogLine) error {
	switch a.format {
	case "json":
		return json.NewEncoder(a.env.Stdout).Encode(l)
	case "yaml":
		fmt.Fprintln(a.env.Stdout, "---")
		return writeYAML(a.env.Stdout, l)
	}
	at := a.out.dim(l.At.In(a.env.Now().Location()).Format(time.RFC3339))
	_, err := fmt.Fprintf(a.env.Stdout, "%s %s.%s: %s\n", at, l.Package, l.Service, l.Line)
	return err
}
