package cli

import (
	"context"
	"strings"
)

type cmdHelp struct {
	Args struct {
		Words []string `positional-arg-name:"COMMAND..." description:"What to explain; without, all commands are listed"`
	} `positional-args:"yes"`
}

func helpCommand() *command {
	return &command{
		name: "help", short: "Explain pkgd or one of its commands", runner: &cmdHelp{},
		long: `Lists all commands, or explains one. "pkgd COMMAND --help" does the same.`,
	}
}

func (c *cmdHelp) run(_ context.Context, a *app, _ []string) error {
	if len(c.Args.Words) == 0 {
		return a.writeHelp(nil)
	}
	if found := a.model.find(c.Args.Words); found != nil {
		return a.writeHelp(found)
	}
	words := c.Args.Words
	a.command = nil
	if len(words) > 1 {
		a.command = a.model.find(words[:1])
	}
	if a.command == nil {
		return a.unknownCommand(words[0])
	}
	return a.unknownCommand(strings.Join(words[1:], " "))
}
