package backend

import (
	"context"
	"time"
)

// Same tells whether a file stamped with an inode, size and ctime taken at a
// moment, all in nanoseconds, is certainly the same as one with now's.
func Same(ino uint64, size, ctime, taken int64, nowIno uint64, nowSize, nowCtime int64) bool {
	return stamp{Ino: ino, Size: size, Ctime: ctime, Taken: taken}.same(stamp{Ino: nowIno, Size: nowSize, Ctime: nowCtime})
}

// Race is the time around a stamp in which nothing is certain.
const Race = race

// KeepAside is how long data are kept.
const KeepAside = keepAside

// HalfCopy does what CopyData does until the daemon dies: the note is written,
// some of the files are there.
func (b *Backend) HalfCopy(ctx context.Context, name string, from, to int) error {
	if err := b.writeNote(name, to, note{From: from}); err != nil {
		return err
	}
	p := &pass{ctx: ctx}
	return p.run(b.dirs.DataRevision(name, from), b.dirs.DataRevision(name, to))
}

// BeginAside does what SetAside does until the daemon dies: the description is
// there, the data have not moved.
func (b *Backend) BeginAside(name string, rev int) (string, error) {
	id := b.freeID(name, rev)
	a := aside{ID: id, Package: name, Revision: rev, At: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.setAside(ctx, b.dirs.DataRevision(name, rev)+"-not-there", a)
	return id, nil
}
