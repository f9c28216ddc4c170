package backend

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pkgd.io/pkgd/internal/disk"
)

// A snapshot of a revision's data for the next one is taken in two passes
// (design §3). CopyData copies everything while the old revision still serves,
// and stamps each file; SnapshotData, after the services have stopped, copies
// only what is not certainly the same, and removes what vanished. Beside the
// copy, outside of it, lie two notes: that it is a copy in the making, and the
// stamps.

// note says that a revision's data are a copy that pkgd is making.
type note struct {
	From     int  `json:"from"`
	Complete bool `json:"complete"` // the second pass is done; they are data like all others now
}

func (b *Backend) notePath(name string, rev int) string {
	return filepath.Join(b.dirs.Data(name), fmt.Sprintf(".copy-%d.json", rev))
}

func (b *Backend) stampsPath(name string, rev int) string {
	return filepath.Join(b.dirs.Data(name), fmt.Sprintf(".copy-%d.stamps", rev))
}

// KeepData says that the making of a revision's data is over: they are data like
// all others from now on, and nothing is noted of how they were made.
func (b *Backend) KeepData(name string, rev int) error {
	if err := b.forget(name, rev); err != nil {
		return fmt.Errorf("cannot clear up after copying data of %q: %w", name, err)
	}
	return nil
}

// forget removes what is noted of the making of a revision's data, durably: a
// note that came back after a power cut would have DropData take the data for a
// copy in the making.
func (b *Backend) forget(name string, rev int) error {
	removed := false
	for _, path := range []string{b.notePath(name, rev), b.stampsPath(name, rev)} {
		err := os.Remove(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		removed = removed || err == nil
	}
	if !removed {
		return nil
	}
	return disk.SyncDir(b.dirs.Data(name))
}

func (b *Backend) readNote(name string, rev int) (*note, error) {
	text, err := os.ReadFile(b.notePath(name, rev))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := &note{}
	if err := json.Unmarshal(text, n); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", b.notePath(name, rev), err)
	}
	return n, nil
}

func (b *Backend) writeNote(name string, rev int, n note) error {
	return disk.WriteFile(b.notePath(name, rev), 0o600, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(n)
	})
}

// readStamps gives no stamps where they cannot be read: then all is copied again.
func (b *Backend) readStamps(name string, rev int) map[string]stamp {
	f, err := os.Open(b.stampsPath(name, rev))
	if err != nil {
		return nil
	}
	defer f.Close()
	var stamps map[string]stamp
	if gob.NewDecoder(f).Decode(&stamps) != nil {
		return nil
	}
	return stamps
}

func (b *Backend) writeStamps(name string, rev int, stamps map[string]stamp) error {
	return disk.WriteFile(b.stampsPath(name, rev), 0o600, func(w io.Writer) error {
		return gob.NewEncoder(w).Encode(stamps)
	})
}

// CopyData is the first pass: it copies the data of revision from for revision
// to, while they are in use. Data of revision to that are there already and are
// no unfinished copy are an error, never overwritten. After an error nothing is
// left of the copy.
func (b *Backend) CopyData(ctx context.Context, name string, from, to int) error {
	src, dst := b.dirs.DataRevision(name, from), b.dirs.DataRevision(name, to)
	if from == to || !exists(src) {
		return nil
	}
	n, err := b.readNote(name, to)
	if err != nil {
		return err
	}
	if exists(dst) && (n == nil || n.Complete) {
		return fmt.Errorf("cannot copy data of %q: revision %d has data of its own; set them aside first", name, to)
	}
	err = b.firstPass(ctx, name, from, to)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot copy data of %q: %w", name, disk.Full(b.dirs.Data(name), err)), b.DropData(name, to))
	}
	return nil
}

func (b *Backend) firstPass(ctx context.Context, name string, from, to int) error {
	src, dst := b.dirs.DataRevision(name, from), b.dirs.DataRevision(name, to)
	if err := b.writeNote(name, to, note{From: from}); err != nil {
		return err
	}
	if err := disk.RemoveTree(dst); err != nil {
		return err
	}
	if err := roomFor(src, b.dirs.Data(name)); err != nil {
		return err
	}
	p := &pass{ctx: ctx, live: true, stamps: map[string]stamp{}}
	if err := p.run(src, dst); err != nil {
		return err
	}
	if err := disk.SyncFS(dst); err != nil {
		return err
	}
	return b.writeStamps(name, to, p.stamps)
}

// SnapshotData is the second pass: with the services stopped, it makes the copy
// the same as the data of revision from. Without a first pass it copies all.
func (b *Backend) SnapshotData(ctx context.Context, name string, from, to int) error {
	src, dst := b.dirs.DataRevision(name, from), b.dirs.DataRevision(name, to)
	if from == to || !exists(src) {
		return nil
	}
	n, err := b.readNote(name, to)
	if err != nil {
		return err
	}
	if exists(dst) && n == nil {
		return fmt.Errorf("cannot snapshot data of %q: revision %d has data of its own; set them aside first", name, to)
	}
	if n == nil {
		if err := b.writeNote(name, to, note{From: from}); err != nil {
			return err
		}
	}
	p := &pass{ctx: ctx}
	if n != nil && n.From == from {
		p.prior = b.readStamps(name, to)
	}
	if err := p.run(src, dst); err != nil {
		return fmt.Errorf("cannot snapshot data of %q: %w", name, disk.Full(dst, err))
	}
	if err := p.sync(dst); err != nil {
		return fmt.Errorf("cannot snapshot data of %q: %w", name, disk.Full(dst, err))
	}
	return b.writeNote(name, to, note{From: from, Complete: true})
}

// roomFor checks that what src takes on the disk fits once more beside into. A
// disk that shares blocks between copies needs no room.
func roomFor(src, into string) error {
	need, err := taken(src)
	if err != nil {
		return err
	}
	err = disk.CheckSpace(into, need)
	if err != nil && sharesBlocks(into) {
		return nil
	}
	return err
}
