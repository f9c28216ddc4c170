package backend

import (
	"io/fs"
	"syscall"
	"time"
)

// race is how near a change may be to the stamp of a file, and another change
// after it have the same time: the kernel's clock for files ticks up to 10 ms
// apart. coarse is the same for file systems that keep whole seconds.
const (
	race   = 10 * time.Millisecond
	coarse = 2 * time.Second
)

// stamp is what is remembered of a file when it was copied while in use, to
// tell later whether it is certainly the same.
type stamp struct {
	Ino   uint64
	Size  int64
	Ctime int64 // nanoseconds since the epoch
	Taken int64 // when this was read, likewise
}

// stampOf makes the stamp of a file; taken is when reading it began.
func stampOf(fi fs.FileInfo, taken time.Time) stamp {
	st := fi.Sys().(*syscall.Stat_t)
	return stamp{Ino: st.Ino, Size: st.Size, Ctime: time.Unix(st.Ctim.Unix()).UnixNano(), Taken: taken.UnixNano()}
}

// same tells whether the file that now looks like now is certainly what it was
// at the stamp: same inode, size and ctime, and the ctime not so near to the
// stamp that a later change could have the same.
func (s stamp) same(now stamp) bool {
	if s.Ino != now.Ino || s.Size != now.Size || s.Ctime != now.Ctime {
		return false
	}
	near := race
	if s.Ctime%int64(time.Second) == 0 {
		near = coarse
	}
	return time.Duration(s.Taken-s.Ctime).Abs() > near
}
