package daemon

import (
	"net"

	"golang.org/x/sys/unix"
)

// maxAtOnce is how long a request may be that is answered at once, in bytes.
const maxAtOnce = 4 << 10

// answered tells whether the connection's request is there already, was answered
// and is done with: a server of net/http takes three times as long for that, and
// nearly every run of a hook makes such a request. It waits for nothing. What is
// not answered here goes to the server, with what was read of it.
func (l *peerListener) answered(c *peerConn) bool {
	if l.atOnce == nil {
		return false
	}
	request := l.buf[:readNow(c.UnixConn, l.buf[:])]
	answer := l.atOnce(c.peer.UID, request)
	if answer == nil {
		c.begun = append(c.begun, request...)
		return false
	}
	writeNow(c.UnixConn, answer)
	_ = c.Close()
	return true
}

// Read reads what comes, and first what has come before.
func (c *peerConn) Read(b []byte) (int, error) {
	if len(c.begun) == 0 {
		return c.UnixConn.Read(b)
	}
	n := copy(b, c.begun)
	c.begun = c.begun[n:]
	return n, nil
}

// readNow reads what is there; n is 0 where nothing is.
func readNow(c *net.UnixConn, b []byte) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
		return true
	})
	return max(n, 0)
}

// writeNow writes what a new connection's buffer takes, which is all of an answer. A
// caller may be gone: nobody to tell.
func writeNow(c *net.UnixConn, b []byte) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Write(func(fd uintptr) bool {
		_ = unix.Send(int(fd), b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return true
	})
}
