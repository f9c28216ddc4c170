package cli

import (
	"context"
	"embed"
	"fmt"
)

//go:embed completion
var completionScripts embed.FS

type cmdCompletion struct {
	Args struct {
		Shell string `positional-arg-name:"bash|zsh|fish" required:"1" description:"The shell"`
	} `positional-args:"yes"`
}

func completionCommand() *command {
	return &command{
		name: "completion", short: "Print a completion script for a shell", runner: &cmdCompletion{},
		long: `Prints a script that completes commands, options, and the names of packages, services, apps and changes.`,
		examples: []example{
			{"source <(pkgd completion bash)", "in ~/.bashrc"},
			{"source <(pkgd completion zsh)", "in ~/.zshrc, after compinit"},
			{"pkgd completion fish | source", "in ~/.config/fish/config.fish"},
		},
	}
}

func (c *cmdCompletion) run(_ context.Context, a *app, _ []string) error {
	b, err := completionScripts.ReadFile("completion/pkgd." + c.Args.Shell)
	if err != nil {
		return a.usageError(fmt.Sprintf("unknown shell %q; known: bash, zsh, fish", c.Args.Shell))
	}
	_, err = a.env.Stdout.Write(b)
	return err
}
