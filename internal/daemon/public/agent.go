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
)

// Limits of the agent check.
const (
	agentTimeout = 2 * time.Second
	maxAgents    = 256 // connections at a time
)

// agent speaks HAProxy's agent-check protocol: it says a line to everybody who
// connects.
type agent struct {
	url    string
	l      net.Listener
	say    func() string
	closed atomic.Bool
	open   atomic.Int64
}

func (a *agent) close() {
	a.closed.Store(true)
	_ = a.l.Close()
}

func (a *agent) serve(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := accept(ctx, a.l)
		if err != nil {
			return err
		}
		if a.open.Add(1) > maxAgents {
			a.open.Add(-1)
			_ = c.Close()
			continue
		}
		wg.Go(func() {
			defer a.open.Add(-1)
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			answerAgent(c, a.say())
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

// answerAgent reads what HAProxy may send before it closes: else the kernel
// would throw away the answer together with what was not read.
func answerAgent(c net.Conn, line string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(agentTimeout))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return
	}
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
