package daemon

import "io"

// Read reads what comes. What comes first may be a request that is answered here,
// at once, and then nothing follows it: nearly every run of a hook makes such a
// request, and to net/http it costs three times as much. All else is net/http's,
// from its first byte on.
func (c *peerConn) Read(b []byte) (int, error) {
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
