package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

type cmdLint struct {
	Run  bool `long:"run" description:"Also run the check-health hook, again and again, on a private daemon"`
	Runs int  `long:"runs" value-name:"N" default:"10" description:"How often --run runs it (default 10)"`
	Args struct {
		What string `positional-arg-name:"DIR|FILE|NAME" required:"1" description:"A package's tree, a .pkg file, or an installed package"`
	} `positional-args:"yes"`
}

func lintCommand() *command {
	return &command{
		name: "lint", short: "Look a package over for mistakes", runner: &cmdLint{},
		long: `Reads a package and tells what will not work, what will go wrong one day, and what is good to know. Every rule is explained in docs/reference/lint.md.

With --run it installs the package on a daemon of its own, in a temporary folder without privileges, runs the hook N times while nothing else happens, and compares: the statuses, the data folder, the services' processes and sockets, and how long the runs took with how long they may.

Exits 1 when it finds an error, 0 with warnings and notes.`,
		examples: []example{{"pkgd lint ./web", ""}, {"pkgd lint ./web --run", "and see whether the hook may be run at any time"}},
	}
}

// linted is the answer of lint.
type linted struct {
	Findings []pkginfo.Finding `json:"findings"`
	Run      *trial            `json:"run,omitempty"`
}

func (c *cmdLint) run(ctx context.Context, a *app, _ []string) error {
	if c.Runs < 2 {
		return a.usageError("--runs wants at least 2: one run has nothing to be compared with")
	}
	dir, clean, err := a.lintTree(ctx, c.Args.What)
	if err != nil {
		return cannot(doing("look over", []string{c.Args.What}), err)
	}
	defer clean()
	l := linted{Findings: list(pkginfo.Lint(os.DirFS(dir)))}
	if c.Run && !hasErrors(l.Findings) {
		if l.Run, err = a.tryHook(ctx, dir, c.Runs); err != nil {
			return cannot(doing("run the hook of", []string{c.Args.What}), err)
		}
		l.Findings = append(l.Findings, l.Run.findings...)
	}
	if err := a.answer(l, func() error { return a.lintText(l) }); err != nil {
		return err
	}
	if hasErrors(l.Findings) {
		return exit(exitFailed)
	}
	return nil
}

// lintTree finds the tree to look at, unpacked where it is in a file.
func (a *app) lintTree(ctx context.Context, what string) (dir string, clean func(), err error) {
	nothing := func() {}
	if !isPath(what) {
		dir, err := filepath.EvalSymlinks(a.dirs.Current(what))
		if err != nil {
			return "", nil, &api.Error{
				Kind: api.ErrNotInstalled, Message: fmt.Sprintf("package %q is not installed", what),
				Hint: "a directory is written with a slash: pkgd lint ./" + what,
			}
		}
		return dir, nothing, nil
	}
	path := a.abs(what)
	fi, err := os.Stat(path)
	if err != nil || fi.IsDir() {
		return path, nothing, err
	}
	tmp, err := os.MkdirTemp("", "pkgd-lint-")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = removeTree(tmp) } // a temporary folder that stays does no harm
	f, err := os.Open(path)
	if err != nil {
		clean()
		return "", nil, err
	}
	defer f.Close()
	dir = filepath.Join(tmp, "tree")
	if _, err := pkgfile.Unpack(ctx, f, dir, pkgfile.Limits{}); err != nil {
		clean()
		return "", nil, err
	}
	return dir, clean, nil
}

// isPath tells a path from a package's name: it has a slash, ends in .pkg, or
// is a dot.
func isPath(word string) bool {
	return strings.Contains(word, "/") || strings.HasSuffix(word, ".pkg") || word == "." || word == ".."
}

func hasErrors(findings []pkginfo.Finding) bool {
	return slices.ContainsFunc(findings, func(f pkginfo.Finding) bool { return f.Level == pkginfo.LevelError })
}

func (a *app) lintText(l linted) error {
	for _, f := range l.Findings {
		a.say("%s", a.findingLine(a.out, f))
	}
	if l.Run != nil {
		a.say("%s", l.Run.words())
	}
	if len(l.Findings) == 0 {
		a.say("no findings")
	}
	return nil
}

// findingLine is a finding as compilers write theirs, so that editors can jump.
func (a *app) findingLine(s style, f pkginfo.Finding) string {
	paint := s.dim
	switch f.Level {
	case pkginfo.LevelError:
		paint = s.red
	case pkginfo.LevelWarn:
		paint = s.yellow
	}
	return fmt.Sprintf("%s: %s %s %s", f.Where, paint(f.Level+":"), f.Text, s.dim("("+f.Rule+")"))
}

// adviseLint tells on stderr what lint has against a package that is packed.
func (a *app) adviseLint(tree fs.FS, dir string) {
	found := 0
	for _, f := range pkginfo.Lint(tree) {
		if f.Level != pkginfo.LevelNote {
			a.story("%s", a.findingLine(a.err, f))
			found++
		}
	}
	if found > 0 {
		a.story("all of it: %s", a.pkgd("lint "+pathWord(dir)))
	}
}
