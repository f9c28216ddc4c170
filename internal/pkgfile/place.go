package pkgfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pkgd.io/pkgd/internal/disk"
)

// place makes dst of what fill puts into a temporary folder beside it. The
// digest is taken from what lies on the disk then, not from what was asked for.
func place(dst string, l Limits, fill func(into *target) error) (digest string, err error) {
	if exists(dst) {
		return "", fmt.Errorf("cannot make %s: %w", dst, fs.ErrExist)
	}
	parent := filepath.Dir(dst)
	temp, err := os.MkdirTemp(parent, disk.TempPrefix+filepath.Base(dst)+"-*")
	if err != nil {
		return "", disk.Full(parent, err)
	}
	digest, err = fillAndSync(temp, l, fill)
	if err == nil {
		err = disk.Rename(temp, dst)
	}
	if err != nil {
		return "", errors.Join(disk.Full(parent, err), disk.RemoveTree(temp))
	}
	return digest, nil
}

func fillAndSync(temp string, l Limits, fill func(into *target) error) (string, error) {
	root, err := os.OpenRoot(temp)
	if err != nil {
		return "", err
	}
	defer root.Close()
	into := &target{root: root, tree: newTree(l), made: map[string]bool{}}
	if err := fill(into); err != nil {
		return "", err
	}
	if err := into.finish(); err != nil {
		return "", err
	}
	copied, t, err := scan(temp, l)
	if err != nil {
		return "", err
	}
	defer copied.Close()
	digest, err := digestRoot(copied, t)
	if err != nil {
		return "", err
	}
	return digest, disk.SyncFS(temp)
}
