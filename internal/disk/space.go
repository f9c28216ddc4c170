package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// SpaceError says that a disk has too little room. errors.Is finds
// syscall.ENOSPC in it.
type SpaceError struct {
	Path string // on the disk in question
	Need int64  // bytes; 0 where a write failed and nobody knows
	Free int64  // bytes
}

func (e *SpaceError) Error() string {
	if e.Need <= e.Free {
		return fmt.Sprintf("no space left on the disk of %s (%s free, perhaps no inodes); make room and try again", e.Path, size(e.Free))
	}
	return fmt.Sprintf("too little space on the disk of %s: %s needed, %s free; make room and try again", e.Path, size(e.Need), size(e.Free))
}

func (e *SpaceError) Unwrap() error { return syscall.ENOSPC }

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// reserve is what CheckSpace leaves free for pkgd's own store: a hundredth of
// the disk, but no more than this.
const reserve = 32 << 20

// Free is how many bytes path's disk has for who is not root.
func Free(path string) (int64, error) {
	free, _, err := room(path)
	return free, err
}

func room(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// CheckSpace gives a [SpaceError] when path's disk has no room for need bytes
// and pkgd's own store beside them.
func CheckSpace(path string, need int64) error {
	free, total, err := room(path)
	if err != nil {
		return err
	}
	free = max(0, free-min(total/100, reserve))
	if need > free {
		return &SpaceError{Path: path, Need: need, Free: free}
	}
	return nil
}

// Full gives err as a [SpaceError] when it says that path's disk, or the user's
// share of it, is full; else as it is.
func Full(path string, err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	if space, ok := errors.AsType[*SpaceError](err); ok {
		return space
	}
	free, _ := Free(path)
	return &SpaceError{Path: path, Free: free}
}
