package cli

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

//go:embed demo
var demoPackages embed.FS

type cmdDemo struct{}

func demoCommand() *command {
	return &command{
		name: "demo", short: "Watch pkgd undo a bad update", runner: &cmdDemo{},
		long: `Starts a daemon of its own in a temporary folder, without privileges, installs a small package, refreshes it to a version with a bug, and shows how pkgd takes that back. Everything is removed at the end. It exits 0 only if the old version, its data and its service are really back.`,
	}
}

func (*cmdDemo) run(ctx context.Context, a *app, _ []string) (err error) {
	p, err := a.startPrivate(ctx, "demo")
	if err != nil {
		return cannot("show the demo", err)
	}
	d := &demo{app: a, private: p, dir: filepath.Join(p.root, "demo")}
	defer func() { err = errors.Join(err, d.finish()) }()
	return cannot("finish the demo", d.play(ctx))
}

// demo is the show: it narrates, runs pkgd as a person would, and checks that
// what it claims is so.
type demo struct {
	app     *app
	private *private
	dir     string // where its packages are
}

func (d *demo) play(ctx context.Context) error {
	if err := d.unpack(); err != nil {
		return err
	}
	for _, scene := range []func(context.Context) error{d.install, d.refresh, d.why, d.proof} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) tell(text string) {
	h := &helpPage{w: d.app.env.Stdout, style: d.app.out, width: helpWidth}
	h.line("")
	h.paragraph(text)
}

// show prints a file, set off from the story.
func (d *demo) show(name string) error {
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		return err
	}
	d.app.say("")
	for line := range strings.Lines(string(b)) {
		d.app.say("    %s", d.app.out.dim(strings.TrimRight(line, "\n")))
	}
	return nil
}

func (d *demo) install(ctx context.Context) error {
	d.tell("This is pkgd's own demo: a daemon in a folder of its own (" + d.private.root + "), without privileges. " +
		"Here is a small package. Its service keeps a list of guests in its data, and its check-health hook tells whether all is well:")
	if err := d.show("hello-1/meta/hooks/check-health"); err != nil {
		return err
	}
	if err := d.pkgd(ctx, exitDone, "install", "./hello-1"); err != nil {
		return err
	}
	return d.pkgd(ctx, exitDone, "health")
}

func (d *demo) refresh(ctx context.Context) error {
	d.tell("Version 2.0 has a bug. It converts the list of guests to a new format, and then cannot read it:")
	if err := d.show("hello-2/bin/greeter"); err != nil {
		return err
	}
	if err := d.pkgd(ctx, exitReverted, "refresh", "./hello-2"); err != nil {
		return err
	}
	d.tell("Nobody had to notice, and nobody had to act. The exit code 10 tells scripts the same.")
	return nil
}

func (d *demo) why(ctx context.Context) error {
	d.tell("What was it? pkgd keeps the story:")
	return d.pkgd(ctx, exitDone, "why", "hello")
}

// proof shows the end state, and asks the daemon and the disk whether it is so.
func (d *demo) proof(ctx context.Context) error {
	d.tell("And now:")
	if err := d.pkgd(ctx, exitDone, "health"); err != nil {
		return err
	}
	w, err := d.private.app.client.Why(ctx, "hello")
	if err != nil {
		return err
	}
	info, err := d.private.app.client.Package(ctx, "hello")
	if err != nil {
		return err
	}
	path := d.private.app.dirs.DataRevision("hello", info.Revision)
	guests, err := os.ReadFile(filepath.Join(path, "guests"))
	if err != nil {
		return err
	}
	if err := reallyBack(w, info, string(guests)); err != nil {
		return err
	}
	d.tell("The list of guests is the old one again:")
	d.app.say("\n    %s", d.app.out.dim(strings.TrimSpace(string(guests))))
	d.tell(fmt.Sprintf("From the command to the old version serving again it took %s, and the service was down for %s of it.",
		human.Seconds(w.Elapsed), human.Seconds(w.Downtime)))
	return nil
}

// reallyBack is why the demo may exit 0.
func reallyBack(w api.Why, info api.PackageInfo, guests string) error {
	switch {
	case w.Outcome != api.OutcomeReverted:
		return fmt.Errorf("the refresh was not taken back: the outcome is %q", w.Outcome)
	case info.Version != "1.0" || info.Status != "active":
		return fmt.Errorf("version %s runs and is %s", info.Version, info.Status)
	case !strings.HasPrefix(guests, "format 1"):
		return fmt.Errorf("the data did not come back: %q", guests)
	case len(info.Services) != 1 || info.Services[0].State != "active":
		return fmt.Errorf("the service is not back: %v", info.Services)
	}
	return nil
}

// pkgd runs a command as a person would, and minds how it exits.
func (d *demo) pkgd(ctx context.Context, want int, args ...string) error {
	line := strings.Join(args, " ")
	d.app.say("\n%s", d.app.out.bold("$ pkgd "+line))
	cmd := exec.CommandContext(ctx, d.app.env.Executable, args...)
	cmd.Dir = d.dir
	cmd.Env = append(d.app.env.Environ(), "PKGD_ROOT="+d.private.root)
	// Here the story is the answer: both go where the narration goes.
	cmd.Stdout, cmd.Stderr = d.app.env.Stdout, d.app.env.Stdout
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		return fmt.Errorf("pkgd %s exited with %d and not %d; the daemon's last words: %s", line, code, want, d.private.lastWords())
	}
	return nil
}

// unpack writes the demo's packages where the person could look at them.
func (d *demo) unpack() error {
	tree, err := fs.Sub(demoPackages, "demo")
	if err != nil {
		return err
	}
	_, err = writeTree(tree, d.dir, func(text string) string { return text })
	return err
}

func (d *demo) finish() error {
	if err := d.private.stop(); err != nil {
		return cannot("clean up after the demo", err)
	}
	d.tell("The daemon is stopped and " + d.private.root + " is gone. Your own first package: pkgd init ./hello")
	return nil
}
