package blocks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The kernel's requests (linux/fuse.h), of which a file that is the root of its
// own file system gets few.
const (
	opForget  = 2
	opGetattr = 3
	opSetattr = 4
	opOpen    = 14
	opRead    = 15
	opWrite   = 16
	opRelease = 18
	opFsync   = 20
	opInit    = 26
	opIntr    = 36
	opForgets = 42
)

const (
	inHeader, outHeader = 40, 16 // bytes
	writeHeader         = 40
	maxWrite            = 128 << 10
	forLong             = 1 << 30 // seconds that attributes hold
)

// request is one of the kernel's, without its header.
type request struct {
	op     uint32
	unique uint64
	body   []byte
}

// mount puts a file system over the file at path which is that file alone, and
// gives the descriptor that its requests come from.
func mount(path string) (fd int, err error) {
	fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot open /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=100600,user_id=0,group_id=0,allow_other", fd)
	if err := unix.Mount("pkgd-blocks", path, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("cannot mount over %s: %w", path, err)
	}
	return fd, nil
}

// serve answers the kernel until the file system is gone.
func (r *Recorder) serve() {
	defer close(r.gone)
	defer unix.Close(r.fd)
	buf := make([]byte, maxWrite+4096)
	for {
		n, err := unix.Read(r.fd, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAGAIN) {
			continue // ENOENT: who asked was interrupted
		}
		if err != nil || n < inHeader {
			return
		}
		q := request{binary.NativeEndian.Uint32(buf[4:]), binary.NativeEndian.Uint64(buf[8:]), buf[inHeader:n]}
		if q.op == opForget || q.op == opForgets || q.op == opIntr {
			continue
		}
		answer, errno := r.answer(q)
		if err := reply(r.fd, q.unique, answer, errno); err != nil && !errors.Is(err, unix.ENOENT) {
			return
		}
	}
}

func reply(fd int, unique uint64, answer []byte, errno unix.Errno) error {
	b := make([]byte, outHeader, outHeader+len(answer))
	binary.NativeEndian.PutUint32(b[0:], uint32(outHeader+len(answer)))
	binary.NativeEndian.PutUint32(b[4:], uint32(-int32(errno)))
	binary.NativeEndian.PutUint64(b[8:], unique)
	_, err := unix.Write(fd, append(b, answer...))
	return err
}

func (r *Recorder) answer(q request) ([]byte, unix.Errno) {
	switch q.op {
	case opInit:
		return initialised(q.body), 0
	case opGetattr, opSetattr:
		return r.attributes(), 0
	case opOpen:
		return make([]byte, 16), 0
	case opRead:
		return r.read(int64(binary.NativeEndian.Uint64(q.body[8:])), binary.NativeEndian.Uint32(q.body[16:]))
	case opWrite:
		return r.write(int64(binary.NativeEndian.Uint64(q.body[8:])), q.body[writeHeader:])
	case opFsync:
		r.flush()
		return nil, 0
	case opRelease:
		return nil, 0
	}
	return nil, unix.ENOSYS // to FUSE_FLUSH too: a test that dies with a file open would wait for itself
}

func initialised(body []byte) []byte {
	const major, minor, bigWrites, maxPages = 7, 31, 1 << 5, 1 << 22
	b := make([]byte, 64)
	binary.NativeEndian.PutUint32(b[0:], major)
	binary.NativeEndian.PutUint32(b[4:], minor)
	binary.NativeEndian.PutUint32(b[8:], binary.NativeEndian.Uint32(body[8:])) // read-ahead
	binary.NativeEndian.PutUint32(b[12:], bigWrites|maxPages)
	binary.NativeEndian.PutUint16(b[16:], 16) // requests in the background
	binary.NativeEndian.PutUint16(b[18:], 12)
	binary.NativeEndian.PutUint32(b[20:], maxWrite)
	binary.NativeEndian.PutUint32(b[24:], 1)             // ns of a time stamp
	binary.NativeEndian.PutUint16(b[28:], maxWrite/4096) // pages a request
	return b
}

func (r *Recorder) attributes() []byte {
	b := make([]byte, 16+88)
	binary.NativeEndian.PutUint64(b[0:], forLong)
	a := b[16:]
	binary.NativeEndian.PutUint64(a[0:], 1) // inode
	binary.NativeEndian.PutUint64(a[8:], uint64(r.size))
	binary.NativeEndian.PutUint64(a[16:], uint64(r.size/512))
	binary.NativeEndian.PutUint32(a[60:], unix.S_IFREG|0o600)
	binary.NativeEndian.PutUint32(a[64:], 1) // links
	binary.NativeEndian.PutUint32(a[80:], 4096)
	return b
}

func (r *Recorder) read(at int64, size uint32) ([]byte, unix.Errno) {
	b := make([]byte, size)
	n, err := r.image.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unix.EIO
	}
	return b[:n], 0
}

func (r *Recorder) write(at int64, b []byte) ([]byte, unix.Errno) {
	if _, err := r.image.WriteAt(b, at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return nil, unix.EIO
	}
	r.note(at, b)
	done := make([]byte, 8)
	binary.NativeEndian.PutUint32(done, uint32(len(b)))
	return done, 0
}
