// Package disk does the few things with files that must be right when the power
// goes or the disk is full: replace a file or a link whole, sync what has to be
// there afterwards, remove a tree that is read-only, and say how much room there
// is. Its noun is [SpaceError]. Its rule: when a function here returns nil, what
// it did survives a power cut, unless its comment says otherwise.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// TempPrefix begins the name of everything that is not yet, or no longer, what
// it is called: after a crash it may be removed.
const TempPrefix = ".tmp-"

// SyncDir makes the names in dir durable: new ones, renamed ones, gone ones.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// SyncFS makes everything on the file system of dir durable. For more than a few
// files it is far cheaper than syncing each.
func SyncFS(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}

// Rename gives from the name to, which is replaced, and makes that durable.
func Rename(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	if filepath.Dir(from) == filepath.Dir(to) {
		return nil
	}
	return SyncDir(filepath.Dir(from))
}

// rename is os.Rename, but a folder that is read-only gets another parent too.
// The kernel wants it writable for that, unless this is root: its ".." changes.
func rename(from, to string) error {
	err := os.Rename(from, to)
	fi, statErr := os.Lstat(from)
	if !errors.Is(err, fs.ErrPermission) || statErr != nil || !fi.IsDir() || fi.Mode()&0o200 != 0 {
		return err
	}
	if err := os.Chmod(from, fi.Mode()|0o200); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Chmod(from, fi.Mode()))
	}
	return os.Chmod(to, fi.Mode())
}

// WriteFile makes or replaces the file at path, whole or not at all, with what
// fill writes.
func WriteFile(path string, mode fs.FileMode, fill func(w io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, TempPrefix+filepath.Base(path)+"-*")
	if err != nil {
		return Full(dir, err)
	}
	err = errors.Join(f.Chmod(mode), fill(f))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return Full(dir, err)
	}
	return nil
}

// Symlink makes or replaces the link at path.
func Symlink(target, path string) error {
	dir := filepath.Dir(path)
	for i := 0; ; i++ {
		temp := filepath.Join(dir, fmt.Sprintf("%s%s-%d-%d", TempPrefix, filepath.Base(path), os.Getpid(), i))
		err := os.Symlink(target, temp)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return Full(dir, err)
		}
		if err := Rename(temp, path); err != nil {
			os.Remove(temp)
			return Full(dir, err)
		}
		return nil
	}
}

// MkdirAll makes dir with mode, and what is missing above it open to everybody.
func MkdirAll(dir string, mode fs.FileMode) error {
	if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return Full(parent, err)
	}
	return SyncDir(parent)
}
