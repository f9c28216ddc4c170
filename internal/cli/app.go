package cli

import (
	"fmt"
	"path/filepath"

	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
)

// app is one run of pkgd: the world, the options given, and the daemon to ask.
type app struct {
	env     Env
	model   *model
	command *command // that runs
	format  string
	dirs    dirs.Dirs
	client  *client.Client
	out     style // of stdout
	err     style // of stderr
}

// Run carries out one command line (without the program's name) and returns the
// exit code: 0 done, 1 failed, 2 wrong usage, 10 refreshed and reverted because
// of health, 11 kept but wants a person; of health and check 0 OK, 1 DEGRADED,
// 2 FAULT, 3 UNKNOWN or an error.
func Run(args []string, env Env) int {
	a := &app{env: env, format: "text"}
	a.err = newStyle(env, env.StderrTerminal, false)
	return a.finish(a.start(args))
}

// start parses, sets the stage and runs.
func (a *app) start(args []string) error {
	m, err := newModel()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	a.model = m
	rest, err := m.parser.ParseArgs(args)
	a.command = m.active()
	if m.globals.Help || len(args) == 0 {
		return a.writeHelp(a.command)
	}
	if m.globals.Version {
		a.command, rest, err = m.find([]string{"version"}), nil, nil
	}
	if err != nil {
		if a.command == nil {
			a.command = m.meant(args, err)
		}
		return a.explainUsage(err)
	}
	if a.command.runner == nil {
		return a.writeHelp(a.command)
	}
	if len(rest) > 0 && !a.command.raw {
		return a.usageError(fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	if err := a.stage(m.globals); err != nil {
		return err
	}
	return a.command.runner.run(a.env.Context, a, rest)
}

// stage makes of the global options what commands work with.
func (a *app) stage(g *globals) error {
	a.format = g.Format
	a.out = newStyle(a.env, a.env.StdoutTerminal, g.NoColor)
	a.err = newStyle(a.env, a.env.StderrTerminal, g.NoColor)
	root := g.Root
	if root == "" {
		root = a.env.Getenv("PKGD_ROOT")
	}
	if root == "" {
		root = "/"
	}
	d, err := dirs.New(a.abs(root))
	if err != nil {
		return &failure{code: 2, text: err.Error()}
	}
	a.dirs = d
	a.client = a.newClient(d)
	return nil
}

func (a *app) newClient(d dirs.Dirs) *client.Client {
	c := client.New(d.AdminSocket())
	if a.env.Patience > 0 {
		c.Patience = a.env.Patience
	}
	if a.env.StderrTerminal {
		c.Waiting = func() { a.story("waiting for pkgd to start %s", a.err.ellipsis()) }
	}
	return c
}

// abs makes a path absolute as seen from where the person is.
func (a *app) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(a.env.Dir, path)
}

// story tells a line on stderr.
func (a *app) story(format string, args ...any) {
	fmt.Fprintf(a.env.Stderr, format+"\n", args...)
}

// say prints a line of a text answer on stdout.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.env.Stdout, format+"\n", args...)
}

// pkgd is how to call pkgd for the root in use, for lines that a person may copy.
func (a *app) pkgd(line string) string {
	if a.dirs.Root == "" || a.dirs.Root == "/" || a.env.Getenv("PKGD_ROOT") == a.dirs.Root {
		return "pkgd " + line
	}
	return "pkgd --root " + a.dirs.Root + " " + line
}
