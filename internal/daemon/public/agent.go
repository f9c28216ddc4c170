package public

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/daemon/httpserver"
)

// Limits of the agent check.
const (
	agentTimeout = 2 * time.Second
	maxAgents    = 256 // connections at a time, of all
	maxAgentsOf  = 64  // and of one address
)

// agent speaks HAProxy's agent-check protocol: it says a line to everybody who
// connects.
type agent struct {
	url    string
	l      net.Listener
	say    func() string
	closed atomic.Bool
}

func (a *agent) close() {
	a.closed.Store(true)
	_ = a.l.Close()
}

func (a *agent) serve(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	crowd := httpserver.NewCrowd(maxAgents, maxAgentsOf)
	for {
		c, err := accept(ctx, a.l)
		if err != nil {
			return err
		}
		// Everybody is told, and first of all: a line always fits into a new
		// connection. Who then stays gives way to who comes.
		tell(c, a.say())
		seat := crowd.Enter(party(c.RemoteAddr()), func() { _ = c.Close() })
		wg.Go(func() {
			defer seat.Leave()
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			hearOut(c)
		})
	}
}

// acceptPause is between two tries while the host has no descriptors left.
const acceptPause = 100 * time.Millisecond

// accept goes on where others would end: who uses up descriptors, the daemon's or
// the host's, must not end the daemon thereby.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for {
		c, err := l.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || !errors.As(err, &passing) || !passing.Temporary() {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(acceptPause):
		}
	}
}

func tell(c net.Conn, line string) {
	_ = c.SetDeadline(time.Now().Add(agentTimeout))
	_, _ = io.WriteString(c, line+"\n") // a client that has gone needs no answer
}

// hearOut reads what HAProxy may send before it closes: else the kernel would
// throw away the answer together with what was not read.
func hearOut(c net.Conn) {
	defer c.Close()
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(c, 4096))
	}
}

// agentSays is two words: what the administrator wants of the server, and how it
// is. One of them alone would leave the other as it was.
func (s *Server) agentSays() string {
	switch s.o.Health.Snapshot().Health.Level {
	case healthstate.LevelFault:
		return "ready fail #fault"
	case healthstate.LevelDegraded:
		return "ready down #degraded"
	}
	if s.drained() {
		return "drain up 100%"
	}
	return "ready up 100%"
}

// drained says that no new work should come: pkgd is not ready, as seen from
// one of its places at least.
func (s *Server) drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*rules{{}}
	for _, p := range s.places {
		all = append(all, p.rules.Load())
	}
	for _, r := range all {
		if (view{conditions: s.ready(r)}).failed() {
			return true
		}
	}
	return false
}
