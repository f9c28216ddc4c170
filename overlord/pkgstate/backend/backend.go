// Package backend does the disk work of packages: it knows where revisions and
// their data lie and moves them, and nothing of changes, tasks or health.
//
// Its nouns: content is staged (a private copy, checked, with its digest), then
// installed as a revision, which is whole or not there; a link says which
// revision is current; each revision has data, of which a snapshot is taken in
// two passes for the next one; data that a revert took away are aside.
//
// Its rule: every method is idempotent. Run twice, or cut short by a crash and
// run again, it ends in the same state; and when it returns nil, that state
// survives a power cut. Nothing is deleted that another method could still want
// back: what goes away is renamed first.
package backend

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/disk"
)

// Modes of pkgd's own folders. A package's data belong to it alone.
const (
	openMode    fs.FileMode = 0o755
	privateMode fs.FileMode = 0o700
)

// SpaceError says that a disk has too little room for what was asked.
type SpaceError = disk.SpaceError

// Backend does the disk work for one pkgd.
type Backend struct {
	dirs dirs.Dirs
}

// New makes a Backend for the places in d. Folders are made when something has
// to go into them.
func New(d dirs.Dirs) *Backend { return &Backend{dirs: d} }

// CheckSpace gives a *SpaceError when there is no room for need bytes under
// pkgd's root and for the store beside them.
func (b *Backend) CheckSpace(need int64) error {
	if err := disk.MkdirAll(b.dirs.Lib(), openMode); err != nil {
		return err
	}
	return disk.CheckSpace(b.dirs.Lib(), need)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// revisions lists the numbers that are names of folders in dir.
func revisions(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var revs []int
	for _, e := range entries {
		rev, err := strconv.Atoi(e.Name())
		if err == nil && e.IsDir() && strconv.Itoa(rev) == e.Name() {
			revs = append(revs, rev)
		}
	}
	return revs, nil
}

// checkID refuses what is no plain name: ids become names of folders.
func checkID(id string) error {
	if id == "" || id[0] == '.' || filepath.Base(id) != id {
		return fmt.Errorf("%q is not an id", id)
	}
	return nil
}
