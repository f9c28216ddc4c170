package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/remote"
)

type cmdLogs struct {
	Lines  int  `short:"n" value-name:"N" default:"100" description:"So many of the last lines (default 100)"`
	Follow bool `short:"f" long:"follow" description:"Stay and show lines as they come"`
	elsewhere
	Args struct {
		Names []string `positional-arg-name:"NAME[.SERVICE]..." required:"1" description:"Packages or services"`
	} `positional-args:"yes"`
}

func logsCommand() *command {
	return &command{
		name: "logs", short: "Show what services print", runner: &cmdLogs{},
		long: `Shows the last lines that services wrote to stdout and stderr, oldest first. In JSON each line is one object of its own.

With --host it shows those of other hosts, asked over ssh, together by time and with the host's name in front. A host that does not answer is named on stderr, and the exit code is 1.`,
		examples: []example{
			{"pkgd logs web", "the last 100 lines of all services of a package"},
			{"pkgd logs -f web.www", "one service, and what it prints from now on"},
			{"pkgd logs web --host root@web1 --host root@web2", "of two hosts, by time"},
		},
	}
}

func (c *cmdLogs) run(ctx context.Context, a *app, _ []string) error {
	if c.Lines < 0 {
		return a.usageError("-n wants a number of lines")
	}
	if len(c.Hosts) > 0 {
		return c.runThere(ctx, a)
	}
	err := a.client.Logs(ctx, c.Args.Names, c.Lines, c.Follow, a.logLine)
	if c.Follow && ctx.Err() != nil {
		return nil // the person has seen enough
	}
	return cannot("show logs", err)
}

func (c *cmdLogs) runThere(ctx context.Context, a *app) error {
	if c.Follow {
		return a.usageError("--host and --follow do not go together")
	}
	words := append([]string{"logs", "--format=json", "-n", strconv.Itoa(c.Lines), "--"}, c.Args.Names...)
	return a.logsOf(ctx, question{elsewhere: c.elsewhere, words: words, usual: remote.Timeout})
}

func (a *app) logLine(l api.LogLine) error { return a.printLine(l, l, "") }

// printLine prints one line of a log: whole, or as text after whose it is.
func (a *app) printLine(whole any, l api.LogLine, whose string) error {
	switch a.format {
	case "json":
		return json.NewEncoder(a.env.Stdout).Encode(whole)
	case "yaml":
		fmt.Fprintln(a.env.Stdout, "---")
		return writeYAML(a.env.Stdout, whole)
	}
	at := a.out.dim(l.At.In(a.env.Now().Location()).Format(time.RFC3339))
	_, err := fmt.Fprintf(a.env.Stdout, "%s %s%s.%s: %s\n", at, whose, harmless(l.Package), harmless(l.Service), harmless(l.Line))
	return err
}
