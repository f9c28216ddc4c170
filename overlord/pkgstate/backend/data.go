package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"pkgd.io/pkgd/internal/disk"
)

// EnsureData makes the data folders that a revision needs: its own and the
// common one. uid becomes their owner where this is root; -1 leaves the owner.
// Folders that are there keep their mode and what is in them.
func (b *Backend) EnsureData(name string, rev int, uid int) error {
	if err := disk.MkdirAll(b.dirs.Data(name), openMode); err != nil {
		return fmt.Errorf("cannot make data folders of %q: %w", name, err)
	}
	for _, dir := range []string{b.dirs.DataRevision(name, rev), b.dirs.DataCommon(name)} {
		if err := ensureOwned(dir, uid); err != nil {
			return fmt.Errorf("cannot make data folders of %q: %w", name, err)
		}
	}
	return nil
}

func ensureOwned(dir string, uid int) error {
	if err := disk.MkdirAll(dir, privateMode); err != nil {
		return err
	}
	if uid < 0 || os.Geteuid() != 0 {
		return nil
	}
	fi, err := os.Lstat(dir)
	if err != nil || int(fi.Sys().(*syscall.Stat_t).Uid) == uid {
		return err
	}
	return os.Lchown(dir, uid, -1)
}

// DropData removes the data of one revision, and what is noted of their making.
func (b *Backend) DropData(name string, rev int) error {
	if err := disk.Discard(b.dirs.DataRevision(name, rev)); err != nil {
		return fmt.Errorf("cannot remove data of revision %d of %q: %w", rev, name, err)
	}
	return errors.Join(b.forget(name, rev), removeEmpty(b.dirs.Data(name)))
}

// DropCommon removes the data that all revisions share.
func (b *Backend) DropCommon(name string) error {
	if err := disk.Discard(b.dirs.DataCommon(name)); err != nil {
		return fmt.Errorf("cannot remove common data of %q: %w", name, err)
	}
	return removeEmpty(b.dirs.Data(name))
}

// Purge removes all data of a package, also what reverts have set aside.
func (b *Backend) Purge(name string) error {
	items, err := b.asides()
	if err != nil {
		return err
	}
	errs := []error{disk.Discard(b.dirs.Data(name))}
	for _, item := range items {
		if item.Package == name {
			errs = append(errs, b.DropAside(item.ID))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot purge %q: %w", name, err)
	}
	return nil
}

// allData is the folder of all packages' data folders.
func (b *Backend) allData() string { return filepath.Dir(b.dirs.Data("any")) }
