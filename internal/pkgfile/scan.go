package pkgfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

var errChanged = errors.New("it changed while it was read; try again")

// scan reads what a directory holds, without the files' content. The root is
// the caller's to close.
func scan(dir string, l Limits) (*os.Root, *tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	t := newTree(l)
	err = t.scanDir(root, ".")
	if err == nil {
		err = t.checkLinks()
	}
	if err != nil {
		root.Close()
		return nil, nil, fmt.Errorf("cannot take %s as a package: %w", dir, err)
	}
	return root, t, nil
}

func (t *tree) scanDir(root *os.Root, at string) error {
	d, err := root.Open(at)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if err := t.scanEntry(root, path.Join(at, name)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tree) scanEntry(root *os.Root, p string) error {
	fi, err := root.Lstat(p)
	if err != nil {
		return err
	}
	e := &entry{path: p}
	switch mode := fi.Mode(); {
	case mode.IsDir():
		e.kind = dir
	case mode.IsRegular() && mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return setid(p)
	case mode.IsRegular():
		e.kind, e.size, e.exec = file, fi.Size(), mode&0o111 != 0
	case mode&fs.ModeSymlink != 0:
		e.kind = link
		if e.target, err = root.Readlink(p); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q is neither a file nor a folder nor a link", p)
	}
	if err := t.add(e); err != nil || e.kind != dir {
		return err
	}
	return t.scanDir(root, p)
}

// openFile opens the file that e describes, if it still is that file.
func openFile(root *os.Root, e *entry) (*os.File, error) {
	f, err := root.OpenFile(e.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && (!fi.Mode().IsRegular() || fi.Size() != e.size) {
		err = fmt.Errorf("cannot read %q: %w", e.path, errChanged)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
