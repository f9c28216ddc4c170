package snapctl

import (
	"errors"
	"syscall"
	"time"
)

var (
	errTimeout  = errors.New("no answer in time")
	errGarbled  = errors.New("the answer is not one of pkgd's")
	errTooLarge = errors.New("the answer is too large")
)

// maxResponse is how large an answer may be, in bytes.
const maxResponse = 16 << 20

// conn is a unix socket in blocking mode: the kernel keeps the time, and the
// runtime's poller is never started.
type conn struct {
	fd       int
	deadline time.Time
}

func dial(socket string, deadline time.Time) (*conn, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &conn{fd, deadline}
	err = c.try(syscall.SO_SNDTIMEO, func() error {
		return syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
	})
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) close() { _ = syscall.Close(c.fd) }

// try makes one system call that the kernel ends at the deadline. A signal is
// no reason to give up; EAGAIN is how the kernel says that time is over.
func (c *conn) try(timeout int, call func() error) error {
	for {
		left := time.Until(c.deadline)
		if left < time.Microsecond {
			return errTimeout
		}
		tv := syscall.NsecToTimeval(int64(left))
		if err := syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, timeout, &tv); err != nil {
			return err
		}
		switch err := call(); err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return errTimeout
		default:
			return err
		}
	}
}

func (c *conn) write(b []byte) error {
	for len(b) > 0 {
		var n int
		err := c.try(syscall.SO_SNDTIMEO, func() (err error) {
			n, err = syscall.Write(c.fd, b)
			return err
		})
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// read reads some bytes, at most what b has room for; none is the end.
func (c *conn) read(b []byte) (n int, err error) {
	err = c.try(syscall.SO_RCVTIMEO, func() (err error) {
		n, err = syscall.Read(c.fd, b)
		return err
	})
	return n, err
}
