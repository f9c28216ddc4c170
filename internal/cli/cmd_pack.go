package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

type cmdPack struct {
	Args struct {
		Dir  string `positional-arg-name:"DIR" required:"1" description:"The package's tree"`
		File string `positional-arg-name:"FILE" description:"Where to write it; without, NAME_VERSION.pkg here"`
	} `positional-args:"yes"`
}

func packCommand() *command {
	return &command{
		name: "pack", short: "Make a .pkg file of a directory", runner: &cmdPack{},
		long:     `Packs a package's tree into one file. The same tree gives the same bytes, whenever and wherever it is packed.`,
		examples: []example{{"pkgd pack ./web", "writes web_1.4.2.pkg"}},
	}
}

// packed is the answer of pack.
type packed struct {
	File   string `json:"file"`
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

func (c *cmdPack) run(_ context.Context, a *app, _ []string) error {
	dir := a.abs(c.Args.Dir)
	info, err := readTree(dir)
	if err != nil {
		return cannot(doing("pack", []string{c.Args.Dir}), err)
	}
	path := a.abs(pkgfile.FileName(info))
	if c.Args.File != "" {
		path = a.abs(c.Args.File)
	}
	p, err := packFile(dir, path)
	if err != nil {
		return cannot(doing("pack", []string{c.Args.Dir}), err)
	}
	a.adviseLint(os.DirFS(dir), c.Args.Dir)
	return a.answer(p, func() error {
		a.say("%s  %s  %s", c.shown(a, path), size(p.Bytes), p.Digest)
		return nil
	})
}

// readTree reads the manifest of the tree in dir. A slip of the path does not look
// like a package without its manifest.
func readTree(dir string) (*pkginfo.Info, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	return pkginfo.ReadTree(os.DirFS(dir))
}

// shown is the path as the person would write it.
func (c *cmdPack) shown(a *app, path string) string {
	if rel, err := filepath.Rel(a.env.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// packFile makes the file whole or not at all.
func packFile(dir, path string) (packed, error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".pkgd-pack-*")
	if err != nil {
		return packed{}, err
	}
	defer os.Remove(tmp.Name()) // gone already when all is well
	defer tmp.Close()
	digest, err := pkgfile.Pack(dir, tmp)
	if err != nil {
		return packed{}, err
	}
	n, err := tmp.Seek(0, io.SeekCurrent)
	if err != nil {
		return packed{}, err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return packed{}, err
	}
	if err := tmp.Close(); err != nil {
		return packed{}, err
	}
	return packed{File: path, Digest: digest, Bytes: n}, os.Rename(tmp.Name(), path)
}
