package daemon

import (
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/daemon/socket"
)

// answerer gives the whole answer to what a process of a user has sent first, or
// nil: then net/http answers. It waits for nothing.
type answerer func(uid uint32, request []byte) (answer []byte)

// quickListener answers what it can as soon as it has accepted a connection, and
// closes it: nearly every run of a hook makes such a request. A connection that
// the runtime polls, a goroutine that reads it and net/http around that cost five
// times what the answer does. All else is net/http's, from its first byte on.
type quickListener struct {
	*peerListener
	atOnce answerer
	file   *os.File // the socket once more, as net keeps its own to itself
	raw    syscall.RawConn

	// What follows is Accept's own.
	request [4096]byte
	hasty   time.Time // until then nobody is waited for
}

// Who has connected is about to write. Not to wait for that costs more than the
// answer; to wait in vain keeps others waiting, and so is seldom done.
const (
	requestPatience = time.Millisecond
	hastyFor        = 100 * time.Millisecond
)

func newQuickListener(l *peerListener, atOnce answerer) (*quickListener, error) {
	file, err := l.File()
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &quickListener{peerListener: l, atOnce: atOnce, file: file, raw: raw}, nil
}

// Close ends accepting.
func (l *quickListener) Close() error {
	_ = l.file.Close()
	return l.peerListener.Close()
}

// Accept waits for a connection that is not answered at once, and has room.
func (l *quickListener) Accept() (net.Conn, error) {
	for {
		fd, err := l.accept()
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "unix", Addr: l.Addr(), Err: err}
		}
		first, answered := l.answer(fd)
		if answered {
			unix.Close(fd)
			continue
		}
		c, err := connOf(fd)
		if err != nil {
			l.log.Warn("lost a connection", "err", err)
			continue
		}
		if conn := l.admit(c); conn != nil {
			if conn.first = slices.Clone(first); first == nil {
				conn.atOnce = l.atOnce // what comes first is yet to come
			}
			return conn, nil
		}
	}
}

func (l *quickListener) accept() (fd int, err error) {
	closed := l.raw.Read(func(from uintptr) bool {
		for {
			fd, _, err = unix.Accept4(int(from), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if err != unix.EINTR && err != unix.ECONNABORTED {
				return err != unix.EAGAIN
			}
		}
	})
	if closed != nil {
		return -1, closed
	}
	return fd, os.NewSyscallError("accept4", err)
}

// answer reads what has been sent so far, and answers it if it can be.
func (l *quickListener) answer(fd int) (first []byte, answered bool) {
	peer, err := socket.ReadUserOf(fd)
	if err != nil {
		return nil, false // admit says so
	}
	if first = l.read(fd); first == nil {
		return nil, false
	}
	answer := l.atOnce(peer.UID, first)
	if answer == nil {
		return first, false
	}
	_, _ = unix.Write(fd, answer) // a new connection's buffer takes it; the caller may be gone
	return nil, true
}

// read gives what has been sent, or is sent in a moment; nil: nothing.
func (l *quickListener) read(fd int) []byte {
	n, err := unix.Read(fd, l.request[:])
	if err == unix.EAGAIN && l.await(fd) {
		n, _ = unix.Read(fd, l.request[:])
	}
	if n <= 0 {
		return nil
	}
	return l.request[:n]
}

func (l *quickListener) await(fd int) bool {
	if !l.hasty.IsZero() && time.Now().Before(l.hasty) {
		return false
	}
	fds := [...]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], int(requestPatience.Milliseconds()))
	if err == nil && n > 0 {
		l.hasty = time.Time{}
		return true
	}
	l.hasty = time.Now().Add(hastyFor)
	return false
}

// connOf makes a connection of an accepted descriptor, whatever becomes of it.
func connOf(fd int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(fd), "ctl")
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// Read reads what comes. What comes first may be a request that is answered here,
// at once, and then nothing follows it. All else is net/http's.
func (c *peerConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	n, err := c.UnixConn.Read(b)
	if c.atOnce == nil || n == 0 {
		return n, err
	}
	answer := c.atOnce(c.peer.UID, b[:n])
	c.atOnce = nil
	if answer == nil {
		return n, err
	}
	_, _ = c.Write(answer) // a new connection's buffer takes it; the caller may be gone
	return 0, io.EOF
}
