package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

type cmdExec struct {
	Args struct {
		App string `positional-arg-name:"NAME.APP" required:"1" description:"The package and its app"`
	} `positional-args:"yes"`
}

func execCommand() *command {
	return &command{
		name: "exec", short: "Run an app of a package", runner: &cmdExec{}, raw: true,
		long:     `Runs an app in this terminal, with the environment that the package's services have. Everything after NAME.APP is the app's.`,
		examples: []example{{"pkgd exec web.admin -- users --all", ""}},
	}
}

func (c *cmdExec) run(ctx context.Context, a *app, rest []string) error {
	pkg, appName, ok := strings.Cut(c.Args.App, ".")
	if !ok || pkg == "" || appName == "" {
		return a.usageError(fmt.Sprintf("%q is not NAME.APP", c.Args.App))
	}
	what := "run " + c.Args.App
	x, err := a.client.Exec(ctx, api.ExecRequest{Package: pkg, App: appName})
	if err != nil {
		return cannot(what, err)
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	if len(x.Command) == 0 {
		return cannot(what, errorText("internal error: the daemon gave no command"))
	}
	argv := append(slices.Clone(x.Command), rest...)
	return cannot(what, a.env.Exec(argv[0], argv, appEnviron(a.env, x)))
}

// appEnviron is what the daemon gives, and of ours what belongs to the terminal
// that the app runs in.
func appEnviron(env Env, x api.Exec) []string {
	environ := slices.Clone(x.Env)
	for _, name := range []string{"TERM", "COLORTERM", "LINES", "COLUMNS", "NO_COLOR"} {
		if v := env.Getenv(name); v != "" && !hasVariable(environ, name) {
			environ = append(environ, name+"="+v)
		}
	}
	return environ
}

func hasVariable(environ []string, name string) bool {
	return slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

// executable finds pkgd's own program for commands that start another pkgd.
func (a *app) executable() (string, error) {
	if a.env.Executable == "" {
		return "", errorText("cannot find pkgd's own program")
	}
	if _, err := os.Stat(a.env.Executable); err != nil {
		return "", fmt.Errorf("cannot find pkgd's own program: %w", err)
	}
	return filepath.Clean(a.env.Executable), nil
}
