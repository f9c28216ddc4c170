package cli

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/pkginfo"
)

//go:embed skeleton
var skeleton embed.FS

type cmdInit struct {
	Name string `long:"name" value-name:"NAME" description:"The package's name; without, that of the directory"`
	Args struct {
		Dir string `positional-arg-name:"DIR" required:"1" description:"Where to put it; made if it is not there"`
	} `positional-args:"yes"`
}

func initCommand() *command {
	return &command{
		name: "init", short: "Begin a package", runner: &cmdInit{},
		long:     `Writes the skeleton of a package: a manifest, a service, and a check-health hook that says "waiting" while the service starts. It can be tried and packed as it is. Nothing that exists is overwritten.`,
		examples: []example{{"pkgd init ./web", ""}, {"pkgd try ./web --watch", "then work on it"}},
	}
}

func (c *cmdInit) run(_ context.Context, a *app, _ []string) error {
	dir := a.abs(c.Args.Dir)
	name := firstNonEmpty(c.Name, filepath.Base(dir))
	if err := pkginfo.ValidName(name); err != nil {
		return &failure{code: exitUsage, text: err.Error(), next: "name it: pkgd init " + c.Args.Dir + " --name=NAME"}
	}
	files, err := writeSkeleton(dir, name)
	if err != nil {
		return cannot(fmt.Sprintf("begin a package in %q", c.Args.Dir), err)
	}
	return a.answer(map[string]any{"name": name, "dir": dir, "files": files}, func() error {
		for _, f := range files {
			a.say("%s", filepath.Join(c.Args.Dir, f))
		}
		a.story("try it: %s · look it over: pkgd lint %s", a.pkgd("try "+c.Args.Dir), pathWord(c.Args.Dir))
		return nil
	})
}

// pathWord writes a path so that a command that also takes names knows it for one.
func pathWord(path string) string {
	if strings.Contains(path, "/") {
		return path
	}
	return "./" + path
}

func writeSkeleton(dir, name string) (files []string, err error) {
	tree, err := fs.Sub(skeleton, "skeleton")
	if err != nil {
		return nil, err
	}
	return writeTree(tree, dir, func(text string) string { return strings.ReplaceAll(text, "NAME", name) })
}

// writeTree writes a tree that is part of this program, overwriting nothing.
// Scripts are made executable. It gives the files' names.
func writeTree(tree fs.FS, dir string, edit func(string) string) (files []string, err error) {
	err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(dir, path), 0o755))
		}
		b, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		files = append(files, path)
		return writeNew(filepath.Join(dir, path), edit(string(b)))
	})
	return files, err
}

func writeNew(path, text string) error {
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
