package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RemoveTree removes path and all below it, also what is read-only and, where
// this is not root, needs write permission first. That path is gone is not
// synced: who needs that renames it away first, see [Discard].
func RemoveTree(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil // RemoveAll tells what cannot be removed
	})
	return os.RemoveAll(path)
}

// Discard removes path so that after a crash it is either there in full or not
// there under its name; what a crash leaves has the [TempPrefix]. A path that is
// not there is no error.
func Discard(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), TempPrefix+"gone-*")
	if err != nil {
		return discardInPlace(path, err)
	}
	if err := rename(path, filepath.Join(temp, filepath.Base(path))); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return RemoveTree(temp)
}

// discardInPlace is for a disk so full that not even an empty folder fits:
// removing is what makes room.
func discardInPlace(path string, why error) error {
	if _, full := errors.AsType[*SpaceError](Full(path, why)); !full {
		return why
	}
	if err := RemoveTree(path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// RemoveTemps removes what a crash left half made in dir. A dir that is not
// there has none.
func RemoveTemps(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), TempPrefix) {
			errs = append(errs, RemoveTree(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
