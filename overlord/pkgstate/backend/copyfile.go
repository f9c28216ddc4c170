package backend

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/disk"
)

// step is how much is copied before the context is looked at.
const step = 8 << 20

// file copies one file. While the source is in use it is synced first: from then
// on the kernel sees every write, also one through a mapping, and gives it a
// ctime that is later than the stamp.
func (p *pass) file(e *item) error {
	src, err := e.from.OpenFile(e.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	if fi, err := src.Stat(); err != nil || !os.SameFile(fi, e.info) {
		return errors.Join(err, errMoved)
	}
	if p.live {
		if err := src.Sync(); err != nil {
			return err
		}
	}
	dst, err := e.to.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = p.content(dst, src, e.info.Sys().(*syscall.Stat_t))
	if err == nil {
		err = giveAttributes(dst, src, e.info)
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return err
	}
	return e.to.Chtimes(e.name, accessed(e.info), e.info.ModTime())
}

// content copies what is in a file: by sharing the blocks where the disk can,
// else without filling its holes.
func (p *pass) content(dst, src *os.File, st *syscall.Stat_t) error {
	if !p.unshared {
		err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
		if err == nil || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO) {
			return err
		}
		p.unshared = true
	}
	if st.Blocks*512 < st.Size {
		return p.sparse(dst, src)
	}
	return p.stretch(dst, src, st.Size+step)
}

// stretch copies up to n bytes from where the files stand.
func (p *pass) stretch(dst, src *os.File, n int64) error {
	for n > 0 {
		if err := context.Cause(p.ctx); err != nil {
			return err
		}
		m, err := io.CopyN(dst, src, min(n, step))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

func (p *pass) sparse(dst, src *os.File) error {
	end, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for at := int64(0); at < end; {
		data, err := src.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole up to the end
		}
		if err != nil {
			return err
		}
		hole, err := src.Seek(data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if err := p.seekAndCopy(dst, src, data, hole); err != nil {
			return err
		}
		at = hole
	}
	return dst.Truncate(end)
}

func (p *pass) seekAndCopy(dst, src *os.File, from, to int64) error {
	if _, err := src.Seek(from, io.SeekStart); err != nil {
		return err
	}
	if _, err := dst.Seek(from, io.SeekStart); err != nil {
		return err
	}
	return p.stretch(dst, src, to-from)
}

// attributes gives a folder the mode, owner, times and extended attributes of
// its original.
func (p *pass) attributes(from, to *os.Root) error {
	src, err := from.Open(".")
	if err != nil {
		return err
	}
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := to.Open(".")
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := to.Chtimes(".", accessed(fi), fi.ModTime()); err != nil {
		return err
	}
	return giveAttributes(dst, src, fi)
}

// giveAttributes copies owner and mode, in this order, since a new owner takes
// setuid away.
func giveAttributes(dst, src *os.File, fi fs.FileInfo) error {
	st := fi.Sys().(*syscall.Stat_t)
	if os.Geteuid() == 0 {
		if err := dst.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	copyXattrs(dst, src)
	return unix.Fchmod(int(dst.Fd()), st.Mode&0o7777)
}

// copyXattrs copies the extended attributes that the disk and the kernel let it
// copy. A disk without them, or rights that are lacking, are no reason to fail.
func copyXattrs(dst, src *os.File) {
	list := make([]byte, 4096)
	n, err := unix.Flistxattr(int(src.Fd()), list)
	if err != nil || n == 0 {
		return
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimRight(string(list[:n]), "\x00"), "\x00") {
		if m, err := unix.Fgetxattr(int(src.Fd()), name, value); err == nil {
			_ = unix.Fsetxattr(int(dst.Fd()), name, value[:m], 0)
		}
	}
}

func accessed(fi fs.FileInfo) time.Time {
	return time.Unix(fi.Sys().(*syscall.Stat_t).Atim.Unix())
}

// taken is how much room the files in dir take on the disk, in bytes.
func taken(dir string) (int64, error) {
	sum := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it is in use
		}
		if err != nil {
			return err
		}
		if fi, err := d.Info(); err == nil {
			sum += fi.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return sum, err
}

// sharesBlocks tells whether copies on dir's disk can share their blocks.
func sharesBlocks(dir string) bool {
	src, err := os.CreateTemp(dir, disk.TempPrefix+"*")
	if err != nil {
		return false
	}
	defer os.Remove(src.Name())
	defer src.Close()
	dst, err := os.CreateTemp(dir, disk.TempPrefix+"*")
	if err != nil {
		return false
	}
	defer os.Remove(dst.Name())
	defer dst.Close()
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil
}
