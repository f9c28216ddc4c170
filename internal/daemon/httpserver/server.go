// Package httpserver is an HTTP server with pkgd's limits. Its nouns are
// [Server], [Crowd], those who are connected, [Seat], the place of one of them, and
// [AtOnce], who answers what net/http need not see. Its rules: it stops at once when told to (requests' contexts end first),
// and neither a client that has connected and says nothing nor one that speaks or
// reads too slowly holds up it, its descriptors or anybody else.
package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a connection.
const (
	headerTimeout = 10 * time.Second // until the request's head is there
	bodyTimeout   = 10 * time.Second // until its body is
	answerTimeout = 30 * time.Second // until the answer is read
	idleTimeout   = 2 * time.Minute  // between requests
	maxHeader     = 64 << 10         // bytes
	drainTimeout  = 2 * time.Second  // for requests being answered when it stops
)

// ErrStopping is the cause with which the contexts of requests end when the
// server stops.
var ErrStopping = errors.New("pkgd is stopping")

// Server answers on any number of listeners.
type Server struct {
	http    http.Server
	running context.Context
	cancel  context.CancelCauseFunc
	silent  sync.Map // of net.Conn: who has connected and said nothing yet
}

// New returns a server for h. connContext, where not nil, is as
// [http.Server.ConnContext].
func New(h http.Handler, connContext func(context.Context, net.Conn) context.Context, log *slog.Logger) *Server {
	s := &Server{}
	s.running, s.cancel = context.WithCancelCause(context.Background())
	s.http = http.Server{
		Handler:           attend(h),
		BaseContext:       func(net.Listener) context.Context { return s.running },
		ConnContext:       seatedContext(connContext),
		ConnState:         s.track,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	s.http.RegisterOnShutdown(s.hangUp)
	return s
}

func seatedContext(next func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, c net.Conn) context.Context {
		if ctx = withSeat(ctx, c); next != nil {
			ctx = next(ctx, c)
		}
		return ctx
	}
}

// Serve answers on l until Stop, which gives nil, or until l fails.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Stop closes the listeners, ends the contexts of requests with [ErrStopping],
// waits until they are answered, at most two seconds, and closes what is left.
func (s *Server) Stop() {
	s.cancel(ErrStopping)
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}

// track remembers who has said nothing yet: net/http gives such a connection
// five seconds when it shuts down. It is called twice a request and so takes no
// lock that all share.
func (s *Server) track(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.silent.Store(c, nil)
		return
	}
	if _, silent := s.silent.Load(c); silent {
		s.silent.Delete(c)
	}
}

func (s *Server) hangUp() {
	s.silent.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
}
