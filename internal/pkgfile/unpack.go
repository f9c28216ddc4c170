package pkgfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"pkgd.io/pkgd/internal/disk"
)

// checkFrom is the size of a file from which on the disk is asked whether there
// is room before it is written.
const checkFrom = 1 << 20

// Unpack makes dst of the .pkg file that r reads and gives the digest of what
// then lies there. dst must not exist; it is made whole, synced and read-only,
// or not at all. A full disk is a [disk.SpaceError].
func Unpack(ctx context.Context, r io.Reader, dst string, l Limits) (digest string, err error) {
	return place(dst, l, func(into *target) error {
		return readArchive(ctx, r, into.tree, func(e *entry, content io.Reader) error {
			return into.put(e, content)
		})
	})
}

// CopyTree makes dst a copy of the directory src, with the same checks and
// promises as [Unpack].
func CopyTree(ctx context.Context, src, dst string, l Limits) (digest string, err error) {
	from, t, err := scan(src, l)
	if err != nil {
		return "", err
	}
	defer from.Close()
	return place(dst, l, func(into *target) error {
		if err := disk.CheckSpace(into.root.Name(), t.bytes); err != nil {
			return err
		}
		into.tree = t
		for _, e := range t.canonical() {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if err := copyEntry(ctx, into, from, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func copyEntry(ctx context.Context, into *target, from *os.Root, e *entry) error {
	if e.kind != file {
		return into.put(e, nil)
	}
	f, err := openFile(from, e)
	if err != nil {
		return err
	}
	defer f.Close()
	return into.put(e, &withContext{ctx, f})
}

// withContext stops reading when the context ends.
type withContext struct {
	ctx context.Context
	r   io.Reader
}

func (w *withContext) Read(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}

// target is a tree in the making. Links come last, when all are known to be
// harmless, so that nothing is ever written through one.
type target struct {
	root *os.Root
	tree *tree
	made map[string]bool // folders
}

func (w *target) put(e *entry, content io.Reader) error {
	switch e.kind {
	case dir:
		return w.folder(e.path)
	case file:
		return w.file(e, content)
	}
	return nil
}

func (w *target) folder(p string) error {
	if p == "." || w.made[p] {
		return nil
	}
	if err := w.folder(path.Dir(p)); err != nil {
		return err
	}
	w.made[p] = true
	return w.root.Mkdir(p, 0o700)
}

func (w *target) file(e *entry, content io.Reader) error {
	if err := w.folder(path.Dir(e.path)); err != nil {
		return err
	}
	if e.size >= checkFrom {
		if err := disk.CheckSpace(w.root.Name(), e.size); err != nil {
			return err
		}
	}
	f, err := w.root.OpenFile(e.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(content, e.size))
	if err == nil && n != e.size {
		err = fmt.Errorf("cannot copy %q: %w", e.path, errChanged)
	}
	mode := os.FileMode(0o444)
	if e.exec {
		mode = 0o555
	}
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// finish makes the links and closes the folders.
func (w *target) finish() error {
	for _, e := range w.tree.canonical() {
		if e.kind != link {
			continue
		}
		if err := w.folder(path.Dir(e.path)); err != nil {
			return err
		}
		if err := w.root.Symlink(e.target, e.path); err != nil {
			return err
		}
	}
	for p := range w.made {
		if err := w.root.Chmod(p, 0o555); err != nil {
			return err
		}
	}
	return w.root.Chmod(".", 0o555)
}

// digestArchive is the digest of the content of a .pkg file. One that pkgd
// packed is read once; one in another order is unpacked for it.
func digestArchive(f io.ReadSeeker) (string, error) {
	digest, err := digestStream(f)
	if !errors.Is(err, errOrder) {
		return digest, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp("", "pkgd-")
	if err != nil {
		return "", err
	}
	defer disk.RemoveTree(temp)
	return Unpack(context.Background(), f, path.Join(temp, "tree"), Limits{})
}

var errOrder = errors.New("the entries are not in the canonical order")

func digestStream(r io.Reader) (string, error) {
	h := sha256.New()
	cw := newCanonWriter(h)
	t, last := newTree(Limits{}), ""
	err := readArchive(context.Background(), r, t, func(e *entry, content io.Reader) error {
		parent := t.entries[path.Dir(e.path)]
		if last != "" && comparePaths(last, e.path) >= 0 || parent != nil && parent.implied {
			return errOrder
		}
		last = e.path
		return cw.write(e, content)
	})
	if err != nil {
		return "", err
	}
	if err := cw.Close(); err != nil {
		return "", err
	}
	return digestString(h), nil
}
