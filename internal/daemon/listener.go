package daemon

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/httpserver"
	"pkgd.io/pkgd/internal/daemon/socket"
)

// peerListener accepts connections together with who made them, no more at a time
// than its crowds have room for.
type peerListener struct {
	*socket.Socket
	who     func(c *net.UnixConn) (*socket.Peer, error)
	crowds  crowds
	refusal []byte // for who is one too many
	log     *slog.Logger
	told    time.Time // when the log was last told of one; Accept's own

	mu     sync.Mutex // guards excess and closed
	excess map[*net.UnixConn]struct{}
	closed bool
	wg     sync.WaitGroup // of those who tell them
}

// peerConn is a connection that knows its peer and its seat.
type peerConn struct {
	*net.UnixConn
	peer *socket.Peer
	seat *httpserver.Seat
	once sync.Once

	atOnce answerer // nil once something has come
	first  []byte   // that came before and is yet to be read
}

// Seat is the connection's place in its crowd.
func (c *peerConn) Seat() *httpserver.Seat { return c.seat }

// Close ends the connection.
func (c *peerConn) Close() error {
	c.once.Do(func() {
		c.seat.Leave()
		c.peer.Close()
	})
	return c.UnixConn.Close()
}

// Accept waits for a connection whose peer is known and has room.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if conn := l.admit(c); conn != nil {
			return conn, nil
		}
	}
}

// admit gives a connection its seat, or turns it away.
func (l *peerListener) admit(c *net.UnixConn) *peerConn {
	peer, err := l.who(c)
	if err != nil {
		l.log.Warn("refused a connection", "err", err)
		c.Close()
		return nil
	}
	conn := &peerConn{UnixConn: c, peer: peer}
	// Who has to make room is hung up on; net/http then closes its connection.
	if conn.seat = l.crowds.enter(peer, func() { _ = c.Close() }); conn.seat != nil {
		return conn
	}
	l.tell(peer)
	peer.Close()
	l.turnAway(c)
	return nil
}

// tellPause keeps a flood of connections from becoming one of the log.
const tellPause = 10 * time.Second

func (l *peerListener) tell(p *socket.Peer) {
	if now := time.Now(); now.Sub(l.told) > tellPause {
		l.told = now
		l.log.Warn("refused a connection: too many at once", "socket", l.Addr().String(), "uid", p.UID, "pid", p.PID)
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
		tellTooMany(c, l.refusal)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.excess, c)
	})
}

// tooMany is what the admin socket says to who is one too many.
var tooMany = &api.Error{
	Kind:    api.ErrBusy,
	Message: "too many connections of this user",
	Hint:    "close some, or wait until they are done",
}

// How long who is one too many may take to ask, and to read the answer.
const (
	askPatience  = 5 * time.Second
	readPatience = time.Second
)

// tellTooMany answers once it is asked, for a client takes an answer that comes
// before its question for a broken connection. Then it reads what the client may
// still be sending: that would not read the answer if its own writing failed.
func tellTooMany(c *net.UnixConn, refusal []byte) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(askPatience))
	_, _ = c.Read(make([]byte, 1)) // who does not ask is told all the same
	_ = c.SetDeadline(time.Now().Add(readPatience))
	_, _ = c.Write(refusal)
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, io.LimitReader(c, maxBody))
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
