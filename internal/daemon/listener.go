package daemon

import (
	"log/slog"
	"net"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// peerListener accepts connections together with who made them, and no more
// than limit at a time of one user, so that nobody can shut the others out.
type peerListener struct {
	*socket
	limit int
	log   *slog.Logger

	mu   sync.Mutex // guards open
	open map[uint32]int
}

// peerConn is a connection that knows its peer.
type peerConn struct {
	*net.UnixConn
	peer    *Peer
	release func()
}

func (c *peerConn) Close() error {
	c.release()
	return c.UnixConn.Close()
}

// Accept waits for a connection whose peer is known and within its limit.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		peer, err := readPeer(c)
		if err != nil {
			l.log.Warn("refused a connection", "err", err)
			c.Close()
			continue
		}
		if !l.enter(peer.UID) {
			l.log.Warn("refused a connection: too many of this user", "uid", peer.UID, "pid", peer.PID, "limit", l.limit)
			turnAway(c)
			peer.close()
			continue
		}
		leave := sync.OnceFunc(func() { peer.close(); l.leave(peer.UID) })
		return &peerConn{UnixConn: c, peer: peer, release: leave}, nil
	}
}

func (l *peerListener) enter(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uid] >= l.limit {
		return false
	}
	l.open[uid]++
	return true
}

func (l *peerListener) leave(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uid]--; l.open[uid] == 0 {
		delete(l.open, uid)
	}
}

// turnAway answers without reading the request. The few bytes fit the socket's
// empty buffer, so accepting others does not wait for this client.
func turnAway(c *net.UnixConn) {
	refusal := &api.Error{
		Kind:    api.ErrBusy,
		Message: "too many connections of this user",
		Hint:    "close some, or wait until they are done",
	}
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.Write(rawResponse(refusal))
	_ = c.Close()
}
