package daemon

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/socket"
)

// peerListener accepts connections together with who made them, and no more
// than limit at a time of one user, so that nobody can shut the others out.
type peerListener struct {
	*socket.Socket
	limit int
	log   *slog.Logger

	mu     sync.Mutex // guards open, excess and closed
	open   map[uint32]int
	excess map[*net.UnixConn]struct{} // being told that they are too many
	closed bool
	wg     sync.WaitGroup // of those who tell them
}

// peerConn is a connection that knows its peer.
type peerConn struct {
	*net.UnixConn
	peer    *socket.Peer
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
		peer, err := socket.ReadPeer(c)
		if err != nil {
			l.log.Warn("refused a connection", "err", err)
			c.Close()
			continue
		}
		if !l.enter(peer.UID) {
			l.log.Warn("refused a connection: too many of this user", "uid", peer.UID, "pid", peer.PID, "limit", l.limit)
			peer.Close()
			l.turnAway(c)
			continue
		}
		leave := sync.OnceFunc(func() { peer.Close(); l.leave(peer.UID) })
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

// maxExcess is how many connections are told at a time that they are too many;
// further ones are just closed.
const maxExcess = 64

func (l *peerListener) turnAway(c *net.UnixConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.excess) >= maxExcess {
		_ = c.Close()
		return
	}
	l.excess[c] = struct{}{}
	l.wg.Go(func() {
		tellTooMany(c)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.excess, c)
	})
}

// tellTooMany answers, and then reads what the client may still be sending: it
// would not read the answer if its own writing failed.
func tellTooMany(c *net.UnixConn) {
	defer c.Close()
	refusal := &api.Error{
		Kind:    api.ErrBusy,
		Message: "too many connections of this user",
		Hint:    "close some, or wait until they are done",
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(rawResponse(refusal))
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, c)
}

// Close ends accepting, and the telling.
func (l *peerListener) Close() error {
	err := l.Socket.Close()
	l.mu.Lock()
	l.closed = true
	for c := range l.excess {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
	return err
}
