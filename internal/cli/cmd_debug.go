package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/version"
	"pkgd.io/pkgd/overlord/state"
)

func debugCommand() *command {
	return &command{
		name: "debug", short: "Look inside pkgd, and mend it",
		long: `What is shown here is for people and may change with any version.`,
		sub: []*command{
			{
				name: "system", short: "Describe the daemon", runner: &cmdDebugSystem{},
				long: `Tells the daemon's version, process, service manager, confinement and whether its store can be written.`,
			},
			{
				name: "state", short: "Show the daemon's inside", runner: &cmdDebugState{},
				long: `Prints as JSON what the daemon shows of itself.`,
			},
			{
				name: "reports", short: "Show what waits to be told to a collector", runner: &cmdDebugReports{},
				long: `Tells where reports go, who this host is there, how the last exchange ended, when the next one is, and what waits, what was lost and what the collector refused.`,
			},
			{
				name: "recover", short: "Put the last good copy of the state back", runner: &cmdDebugRecover{},
				long: `For when pkgd does not start because its state file does not open. The copy is one that pkgd made at its last successful start; a file of which only one of the two headers is damaged is put in order itself instead, because it knows more. The broken file is kept beside it. No daemon may run on the root.`,
			},
			{
				name: "man", short: "Write the man pages", runner: &cmdDebugMan{},
				long: `Writes pkgd.1 and a page for each command into DIR; without DIR prints pkgd.1.`,
			},
			{
				name: "reference", short: "Print the reference of the command line", runner: &cmdDebugReference{},
				long: `Prints docs/reference/cli.md, which is made from what pkgd knows of its own commands.`,
			},
			{
				name: "complete", short: "Complete a command line", runner: &cmdDebugComplete{}, hidden: true, raw: true,
				long: `What the shells' scripts ask.`,
			},
		},
	}
}

type cmdDebugSystem struct{}

func (*cmdDebugSystem) run(ctx context.Context, a *app, _ []string) error {
	s, err := a.client.System(ctx)
	if err != nil {
		return cannot("describe the daemon", err)
	}
	return a.answer(s, func() error { return a.systemText(s) })
}

func (a *app) systemText(s api.System) error {
	f := a.fields()
	f.add("version", s.Version)
	f.add("pid", fmt.Sprint(s.PID))
	f.add("started", ago(a.env.Now(), &s.StartedAt))
	f.add("root", s.Root)
	f.add("services", s.Services)
	f.add("store", s.Store)
	f.add("confinement", s.Confinement)
	f.add("bus", s.Bus)
	for _, l := range s.Listen {
		f.add("listens", l)
	}
	return f.write()
}

type cmdDebugState struct{}

func (*cmdDebugState) run(ctx context.Context, a *app, _ []string) error {
	doc, err := a.client.Debug(ctx, "state")
	if err != nil {
		return cannot("show the daemon's state", err)
	}
	return a.answer(doc, func() error { return writeJSON(a.env.Stdout, doc) })
}

type cmdDebugRecover struct{}

func (*cmdDebugRecover) run(_ context.Context, a *app, _ []string) error {
	from, err := state.Recover(a.dirs.State(), a.dirs.StateBackup())
	if err != nil {
		return cannot("recover the state", err)
	}
	return a.answer(map[string]string{"state": a.dirs.State(), "from": from}, func() error {
		if from == a.dirs.State() {
			a.say("%s is in order again: only the last that was written before the damage may be missing", from)
			return nil
		}
		a.say("%s is the last good copy again", a.dirs.State())
		return nil
	})
}

type cmdDebugMan struct {
	Args struct {
		Dir string `positional-arg-name:"DIR" description:"Where to write them"`
	} `positional-args:"yes"`
}

func (c *cmdDebugMan) run(_ context.Context, a *app, _ []string) error {
	if c.Args.Dir == "" {
		return manPage(a.env.Stdout, a.model, nil, version.String())
	}
	dir := a.abs(c.Args.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cannot("write the man pages", err)
	}
	pages := map[string]*command{"pkgd.1": nil}
	for _, cmd := range a.model.every() {
		pages[manName(cmd)+".1"] = cmd
	}
	for name, cmd := range pages {
		err := writeFile(filepath.Join(dir, name), func(w io.Writer) error {
			return manPage(w, a.model, cmd, version.String())
		})
		if err != nil {
			return cannot("write the man pages", err)
		}
	}
	return nil
}

// writeFile makes a file by a function that writes it.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

type cmdDebugReference struct{}

func (*cmdDebugReference) run(_ context.Context, a *app, _ []string) error {
	return reference(a.env.Stdout, a.model)
}

type cmdDebugComplete struct{}

func (*cmdDebugComplete) run(ctx context.Context, a *app, rest []string) error {
	a.printCandidates(a.complete(ctx, rest))
	return nil
}
