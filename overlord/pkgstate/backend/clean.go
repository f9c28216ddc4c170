package backend

import (
	"errors"
	"io/fs"
	"os"

	"pkgd.io/pkgd/internal/disk"
)

// Clean removes what a crash left behind: half-made copies, trees of revisions
// that are not known, and private copies that no change waits for. Known is
// every revision in the state and in a change that is not ready, awaited the id
// of every copy that such a change has named. Data are
// never touched, and neither is the revision that is current: when the state
// does not know that, it is the state that somebody has to look at.
func (b *Backend) Clean(known func(name string, rev int) bool, awaited func(id string) bool) error {
	errs := []error{
		disk.RemoveTemps(b.dirs.Staging()),
		disk.RemoveTemps(b.dirs.RevertedData()),
		disk.RemoveTemps(b.allData()),
		disk.RemoveTemps(b.dirs.Packages()),
		b.cleanStaged(awaited),
		b.cleanAsides(),
	}
	names, err := folders(b.allData())
	errs = append(errs, err)
	for _, name := range names {
		errs = append(errs, disk.RemoveTemps(b.dirs.Data(name)))
	}
	names, err = folders(b.dirs.Packages())
	errs = append(errs, err)
	for _, name := range names {
		errs = append(errs, b.cleanPackage(name, known))
	}
	return errors.Join(errs...)
}

func (b *Backend) cleanStaged(awaited func(id string) bool) error {
	ids, err := folders(b.dirs.Staging())
	errs := []error{err}
	for _, id := range ids {
		if !awaited(id) {
			errs = append(errs, disk.Discard(b.staged(id)))
		}
	}
	return errors.Join(errs...)
}

// cleanAsides removes places for data to set aside of which not even the
// description was finished, and what is half made in the others.
func (b *Backend) cleanAsides() error {
	ids, err := folders(b.dirs.RevertedData())
	errs := []error{err}
	for _, id := range ids {
		if !exists(b.asideAbout(id)) && !exists(b.asideData(id)) {
			errs = append(errs, disk.Discard(b.asideDir(id)))
			continue
		}
		errs = append(errs, disk.RemoveTemps(b.asideDir(id)))
	}
	return errors.Join(errs...)
}

func (b *Backend) cleanPackage(name string, known func(name string, rev int) bool) error {
	if err := disk.RemoveTemps(b.dirs.Package(name)); err != nil {
		return err
	}
	current, err := b.Current(name)
	if err != nil {
		return err
	}
	revs, err := revisions(b.dirs.Package(name))
	if err != nil {
		return err
	}
	for _, rev := range revs {
		if rev == current || known(name, rev) {
			continue
		}
		if err := b.RemoveRevision(name, rev); err != nil {
			return err
		}
	}
	return removeEmpty(b.dirs.Package(name))
}

// folders lists the names of folders in dir, none when there is no dir.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && e.Name()[0] != '.' {
			names = append(names, e.Name())
		}
	}
	return names, err
}
