package backend

import (
	"context"
	"errors"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/pkginfo"
)

// Backend does the disk work.
type Backend struct{ dirs dirs.Dirs }

// Staged is a private copy of content on its way in.
type Staged struct {
	Path   string
	Digest string
	Info   *pkginfo.Info
}

var errDraft = errors.New("draft")

// SpaceError says that a disk has too little room.
type SpaceError struct {
	Path       string
	Need, Free int64
}

func (e *SpaceError) Error() string { return "no space" }

func New(d dirs.Dirs) *Backend { return &Backend{d} }

func (b *Backend) Stage(ctx context.Context, source, id string) (Staged, error) {
	return Staged{}, errDraft
}
func (b *Backend) Unstage(id string) error                                       { return errDraft }
func (b *Backend) Install(ctx context.Context, id, name string, rev int) error   { return errDraft }
func (b *Backend) RemoveRevision(name string, rev int) error                     { return errDraft }
func (b *Backend) Link(name string, rev int) error                               { return errDraft }
func (b *Backend) Unlink(name string) error                                      { return errDraft }
func (b *Backend) Current(name string) (rev int, err error)                      { return 0, errDraft }
func (b *Backend) CopyData(ctx context.Context, name string, from, to int) error { return errDraft }
func (b *Backend) SnapshotData(ctx context.Context, name string, from, to int) error {
	return errDraft
}
func (b *Backend) DropData(name string, rev int) error { return errDraft }
func (b *Backend) DropCommon(name string) error        { return errDraft }
func (b *Backend) SetAside(ctx context.Context, name string, rev int, version string) (id string, err error) {
	return "", errDraft
}
func (b *Backend) Aside(name string) ([]api.DataItem, error)                 { return nil, errDraft }
func (b *Backend) RestoreAside(ctx context.Context, id string, to int) error { return errDraft }
func (b *Backend) DropAside(id string) error                                 { return errDraft }
func (b *Backend) ExpireAside(now time.Time) error                           { return errDraft }
func (b *Backend) EnsureData(name string, rev int, uid int) error            { return errDraft }
func (b *Backend) Purge(name string) error                                   { return errDraft }
func (b *Backend) CheckSpace(need int64) error                               { return errDraft }
func (b *Backend) Clean(known func(name string, rev int) bool) error         { return errDraft }
