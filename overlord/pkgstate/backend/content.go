package backend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"pkgd.io/pkgd/internal/disk"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

// Staged is pkgd's private copy of content that is on its way in.
type Staged struct {
	Path   string // its tree, read-only
	Digest string // taken from the copy
	Info   *pkginfo.Info
}

func (b *Backend) staged(id string) string { return filepath.Join(b.dirs.Staging(), id) }

// Stage makes a private copy of source, a directory or a .pkg file, under id
// and checks it. A copy that is there already is used as it is: source may have
// changed since, and what was asked for is what was there first.
func (b *Backend) Stage(ctx context.Context, source, id string) (Staged, error) {
	if err := checkID(id); err != nil {
		return Staged{}, err
	}
	if err := disk.MkdirAll(b.dirs.Staging(), privateMode); err != nil {
		return Staged{}, err
	}
	dst := b.staged(id)
	digest, err := stage(ctx, source, dst)
	if err != nil {
		return Staged{}, err
	}
	info, err := pkginfo.ReadTree(os.DirFS(dst))
	if err != nil {
		return Staged{}, err
	}
	return Staged{Path: dst, Digest: digest, Info: info}, nil
}

func stage(ctx context.Context, source, dst string) (digest string, err error) {
	if exists(dst) {
		return pkgfile.Digest(dst)
	}
	f, err := os.OpenFile(source, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case fi.IsDir():
		return pkgfile.CopyTree(ctx, source, dst, pkgfile.Limits{})
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("%s is neither a directory nor a file", source)
	}
	digest, err = pkgfile.Unpack(ctx, f, dst, pkgfile.Limits{})
	if err != nil {
		return "", fmt.Errorf("cannot unpack %s: %w", source, err)
	}
	return digest, nil
}

// Unstage removes a private copy.
func (b *Backend) Unstage(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	return disk.Discard(b.staged(id))
}

// Install makes the staged content the tree of a revision. A revision that is
// there already stays: it is whole, and a number never gets other content.
func (b *Backend) Install(ctx context.Context, id, name string, rev int) error {
	if err := checkID(id); err != nil {
		return err
	}
	dst := b.dirs.Revision(name, rev)
	if exists(dst) {
		return errors.Join(seal(dst), b.Unstage(id))
	}
	if err := disk.MkdirAll(b.dirs.Package(name), openMode); err != nil {
		return err
	}
	if err := b.move(ctx, b.staged(id), dst); err != nil {
		return fmt.Errorf("cannot install revision %d of %q: %w", rev, name, err)
	}
	return nil
}

// move renames a staged tree. The cache may lie on another disk; then the tree is
// copied.
func (b *Backend) move(ctx context.Context, src, dst string) error {
	err := disk.Rename(src, dst)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	if _, err := pkgfile.CopyTree(ctx, src, dst, pkgfile.Limits{}); err != nil {
		return err
	}
	return disk.Discard(src)
}

// seal makes a revision's own folder read-only again, which it is not while it is
// renamed.
func seal(dst string) error { return os.Chmod(dst, 0o555) }

// RemoveRevision removes a revision's tree, and the package's folder when it
// was the last thing in it. The current revision is refused.
func (b *Backend) RemoveRevision(name string, rev int) error {
	current, err := b.Current(name)
	if err != nil {
		return err
	}
	if current == rev && rev != 0 {
		return fmt.Errorf("cannot remove revision %d of %q: it is the current one", rev, name)
	}
	if err := disk.Discard(b.dirs.Revision(name, rev)); err != nil {
		return fmt.Errorf("cannot remove revision %d of %q: %w", rev, name, err)
	}
	return removeEmpty(b.dirs.Package(name))
}

// removeEmpty removes a folder in which nothing is left.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Link makes rev the current revision.
func (b *Backend) Link(name string, rev int) error {
	if !exists(b.dirs.Revision(name, rev)) {
		return fmt.Errorf("cannot make revision %d of %q current: it is not on the disk", rev, name)
	}
	if current, err := b.Current(name); err == nil && current == rev {
		return disk.SyncDir(b.dirs.Package(name))
	}
	if err := disk.Symlink(strconv.Itoa(rev), b.dirs.Current(name)); err != nil {
		return fmt.Errorf("cannot make revision %d of %q current: %w", rev, name, err)
	}
	return nil
}

// Unlink leaves the package without a current revision.
func (b *Backend) Unlink(name string) error {
	err := os.Remove(b.dirs.Current(name))
	if errors.Is(err, fs.ErrNotExist) && !exists(b.dirs.Package(name)) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot unlink %q: %w", name, err)
	}
	return disk.SyncDir(b.dirs.Package(name)) // also where one that died has removed it: that need not be durable
}

// Current is the current revision, 0 where there is none.
func (b *Backend) Current(name string) (rev int, err error) {
	target, err := os.Readlink(b.dirs.Current(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil {
		rev, err = strconv.Atoi(target)
	}
	if err != nil || rev <= 0 {
		return 0, fmt.Errorf("cannot tell the current revision of %q: %s is not a link to one", name, b.dirs.Current(name))
	}
	return rev, nil
}
