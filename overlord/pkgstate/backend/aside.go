package backend

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/disk"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/pkginfo"
)

// keepAside is how long data that a revert took away are kept (design §2).
const keepAside = 7 * 24 * time.Hour

// aside is what about.json says of data that were set aside.
type aside struct {
	ID       string    `json:"id"`
	Package  string    `json:"package"`
	Revision int       `json:"revision"`
	Version  string    `json:"version"`
	At       time.Time `json:"at"`
	Restored bool      `json:"restored,omitempty"` // the data have gone back, or are about to
	osutil.Countdown
}

// counted gives what was described before there was a countdown all of its time.
func (a aside) counted() aside {
	if a.Boot == "" {
		a.Countdown = osutil.CountFrom(keepAside)
	}
	return a
}

func (b *Backend) asideDir(id string) string   { return filepath.Join(b.dirs.RevertedData(), id) }
func (b *Backend) asideData(id string) string  { return filepath.Join(b.asideDir(id), "data") }
func (b *Backend) asideAbout(id string) string { return filepath.Join(b.asideDir(id), "about.json") }

// PrepareAside makes the place to which SetAside will move the data of a
// revision, so that taking a refresh back needs no room on a disk that the new
// revision may have filled, and gives the id that SetAside will give. Run again
// it does nothing.
func (b *Backend) PrepareAside(name string, rev int, version string) (id string, err error) {
	items, err := b.asidesOf(name, rev)
	if err != nil {
		return "", err
	}
	a := aside{ID: b.placeFor(items, name, rev), Package: name, Revision: rev, Version: version}
	if err := b.makePlace(a); err != nil {
		return "", fmt.Errorf("cannot prepare to set data of revision %d of %q aside: %w", rev, name, err)
	}
	return a.ID, nil
}

// HasAside tells whether data are kept under an id: not yet, or no longer, when
// they are not.
func (b *Backend) HasAside(id string) bool { return checkID(id) == nil && exists(b.asideData(id)) }

// UnprepareAside removes the places of a package to which nothing was moved.
func (b *Backend) UnprepareAside(name string) error {
	items, err := b.asides()
	errs := []error{err}
	for _, a := range items {
		if a.Package == name && !a.Restored && !exists(b.asideData(a.ID)) {
			errs = append(errs, b.DropAside(a.ID))
		}
	}
	return errors.Join(errs...)
}

// SetAside moves the data of a revision out of the way, to be kept for seven
// days, and gives the id under which they are found. Run again after it was cut
// short, or when the data are gone already, it gives the same id; where there
// never were data, "".
func (b *Backend) SetAside(ctx context.Context, name string, rev int, version string) (id string, err error) {
	items, err := b.asidesOf(name, rev)
	if err != nil {
		return "", err
	}
	src := b.dirs.DataRevision(name, rev)
	if !exists(src) {
		i := slices.IndexFunc(items, func(a aside) bool { return exists(b.asideData(a.ID)) })
		if i < 0 {
			return "", b.forget(name, rev)
		}
		return items[i].ID, b.forget(name, rev)
	}
	id = b.placeFor(items, name, rev)
	if err := b.setAside(ctx, src, aside{ID: id, Package: name, Revision: rev, Version: version}); err != nil {
		return "", fmt.Errorf("cannot set data of revision %d of %q aside: %w", rev, name, err)
	}
	return id, b.forget(name, rev)
}

// asidesOf is what was set aside, or was about to be, of one revision.
func (b *Backend) asidesOf(name string, rev int) ([]aside, error) {
	items, err := b.asides()
	return slices.DeleteFunc(items, func(a aside) bool { return a.Package != name || a.Revision != rev || a.Restored }), err
}

// placeFor is the id of a place that was made and not used yet, or a new one.
func (b *Backend) placeFor(items []aside, name string, rev int) string {
	for _, a := range items {
		if !exists(b.asideData(a.ID)) {
			return a.ID
		}
	}
	return b.freeID(name, rev)
}

func (b *Backend) setAside(ctx context.Context, src string, a aside) error {
	err := b.makePlace(a)
	if _, prepared := b.about(a.ID); err != nil && prepared != nil {
		return err // a place that was prepared is good enough: its time began a little earlier
	}
	return moveData(ctx, src, b.asideData(a.ID))
}

func (b *Backend) makePlace(a aside) error {
	if err := disk.MkdirAll(b.dirs.RevertedData(), privateMode); err != nil {
		return err
	}
	if err := disk.MkdirAll(b.asideDir(a.ID), privateMode); err != nil {
		return err
	}
	a.At = time.Now().UTC()
	a.Countdown = osutil.CountFrom(keepAside)
	return b.describe(a)
}

func (b *Backend) describe(a aside) error {
	return disk.WriteFile(b.asideAbout(a.ID), 0o600, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(a)
	})
}

// freeID makes an id that a person can read and type.
func (b *Backend) freeID(name string, rev int) string {
	base := fmt.Sprintf("%s-%d-%s", name, rev, time.Now().UTC().Format("20060102-150405"))
	id := base
	for i := 2; exists(b.asideDir(id)); i++ {
		id = fmt.Sprintf("%s-%d", base, i)
	}
	return id
}

// moveData renames a data folder, or, where somebody has mounted another disk
// in between, copies it whole and then removes it.
func moveData(ctx context.Context, src, dst string) error {
	err := disk.Rename(src, dst)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	temp := filepath.Join(filepath.Dir(dst), disk.TempPrefix+filepath.Base(dst))
	p := &pass{ctx: ctx}
	if err := p.run(src, temp); err != nil {
		return errors.Join(disk.Full(temp, err), disk.RemoveTree(temp))
	}
	if err := disk.SyncFS(temp); err != nil {
		return err
	}
	if err := disk.Rename(temp, dst); err != nil {
		return err
	}
	return disk.Discard(src)
}

// asides lists what is described, newest first. What has no description holds
// no data: the description comes first, and Clean removes what has none.
func (b *Backend) asides() ([]aside, error) {
	entries, err := os.ReadDir(b.dirs.RevertedData())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []aside
	for _, e := range entries {
		if a, err := b.about(e.Name()); err == nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(x, y aside) int { return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.ID, x.ID)) })
	return all, nil
}

func (b *Backend) about(id string) (aside, error) {
	var a aside
	if err := checkID(id); err != nil {
		return a, err
	}
	text, err := os.ReadFile(b.asideAbout(id))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("there are no data set aside as %q: %w", id, fs.ErrNotExist)
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	a.ID = id
	return a.counted(), err
}

// Aside lists the data of a package ("" all) that reverts have set aside, newest
// first.
func (b *Backend) Aside(name string) ([]api.DataItem, error) {
	all, err := b.asides()
	if err != nil {
		return nil, err
	}
	items := []api.DataItem{}
	for _, a := range all {
		if name != "" && a.Package != name || !exists(b.asideData(a.ID)) {
			continue
		}
		size, err := taken(b.asideData(a.ID))
		if err != nil {
			return nil, err
		}
		items = append(items, api.DataItem{
			ID: a.ID, Package: a.Package, Revision: a.Revision, Version: a.Version, At: a.At, Until: a.End().UTC(), Bytes: size,
		})
	}
	return items, nil
}

// RestoreAside makes the data that were set aside as id the data of revision to
// of their package, whose services the caller has stopped. What lay there is set
// aside in turn. Run again it does nothing; an id that never was is
// fs.ErrNotExist.
func (b *Backend) RestoreAside(ctx context.Context, id string, to int) error {
	a, err := b.about(id)
	if err != nil {
		return err
	}
	if !exists(b.asideData(id)) {
		return nil
	}
	if _, err := b.SetAside(ctx, a.Package, to, b.version(a.Package, to)); err != nil {
		return err
	}
	a.Restored = true
	if err := b.describe(a); err != nil {
		return err
	}
	if err := disk.MkdirAll(b.dirs.Data(a.Package), openMode); err != nil {
		return err
	}
	if err := moveData(ctx, b.asideData(id), b.dirs.DataRevision(a.Package, to)); err != nil {
		return fmt.Errorf("cannot restore data of %q: %w", a.Package, err)
	}
	return nil
}

// version is what the revision's manifest says, "" when nobody knows.
func (b *Backend) version(name string, rev int) string {
	info, err := pkginfo.ReadTree(os.DirFS(b.dirs.Revision(name, rev)))
	if err != nil {
		return ""
	}
	return info.Version
}

// DropAside deletes data that were set aside.
func (b *Backend) DropAside(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	return disk.Discard(b.asideDir(id))
}

// ExpireAside deletes what has been kept for its time, as counted by the boot
// clock: boot is the boot's id and uptime the time since.
func (b *Backend) ExpireAside(boot string, uptime time.Duration) error {
	entries, err := os.ReadDir(b.dirs.RevertedData())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if b.expired(e, boot, uptime) {
			errs = append(errs, b.DropAside(e.Name()))
		}
	}
	return errors.Join(errs...)
}

// expired tells whether something set aside may go. One whose description cannot
// be read stays.
func (b *Backend) expired(e os.DirEntry, boot string, uptime time.Duration) bool {
	a, err := b.about(e.Name())
	return err == nil && a.RestAt(boot, uptime) == 0
}

// NoteAside writes down how much longer everything set aside is to be kept: what
// is counted in one boot is unknown to the next.
func (b *Backend) NoteAside() error {
	all, err := b.asides()
	errs := []error{err}
	for _, a := range all {
		a.Countdown = osutil.CountFrom(a.Rest())
		if err := b.describe(a); !errors.Is(err, fs.ErrNotExist) { // dropped meanwhile
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
