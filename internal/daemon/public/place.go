package public

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/httpserver"
	"pkgd.io/pkgd/internal/daemon/socket"
	"pkgd.io/pkgd/internal/osutil"
)

// How many connections a place has at a time, of all and of one address.
const (
	maxConnections = 1024
	maxOfAddress   = 256
)

// rules are who may ask at a place, and what they learn.
type rules struct {
	listener config.Listener
	expose   exposure
	files    *probe // of disable-files or enable-files; nil: there are none
}

func newRules(l config.Listener, expose string) *rules {
	return &rules{listener: l, expose: exposureOf(expose), files: newFiles(l)}
}

// exposure is how much a caller learns; more is greater.
type exposure int

const (
	counts exposure = iota // statuses, counts and ages
	names                  // packages' names
	full                   // messages, checks and reasons
)

func (e exposure) String() string {
	return [...]string{config.ExposeCounts, config.ExposeNames, config.ExposeFull}[e]
}

func exposureOf(word string) exposure {
	switch word {
	case config.ExposeFull:
		return full
	case config.ExposeNames:
		return names
	}
	return counts
}

// place is one listener with its rules of the moment.
type place struct {
	l      net.Listener
	closed atomic.Bool
	crowd  *httpserver.Crowd
	atOnce func(request []byte) []byte // nil: net/http answers all
	rules  atomic.Pointer[rules]
	stop   context.CancelFunc // of the probe of the rules before
}

// follow gives the place its rules from now on.
func (p *place) follow(ctx context.Context, wg *sync.WaitGroup, r *rules) {
	if p.stop != nil {
		p.stop()
	}
	ctx, p.stop = context.WithCancel(ctx)
	if r.files != nil {
		r.files.start(ctx, wg)
	}
	p.rules.Store(r)
}

func (p *place) close() {
	p.closed.Store(true)
	p.stop()
	_ = p.l.Close()
}

// Addr and Close make a place a net.Listener together with Accept.
func (p *place) Addr() net.Addr { return p.l.Addr() }

// Close stops listening.
func (p *place) Close() error { return p.l.Close() }

// Accept gives connections that know their place.
func (p *place) Accept() (net.Conn, error) {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return nil, err
		}
		conn := &placeConn{Conn: c, place: p}
		if conn.seat = p.crowd.Enter(party(c.RemoteAddr()), func() { _ = c.Close() }); conn.seat != nil {
			conn.first = httpserver.NewAtOnce(c, conn.seat, p.atOnce)
			return conn, nil
		}
		_ = c.Close()
	}
}

// party is who counts as one. Peers of a unix socket are one, who may be anybody
// of this host.
func party(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return osutil.PartyOf(tcp.AddrPort().Addr())
	}
	return ""
}

type placeConn struct {
	net.Conn
	place *place
	seat  *httpserver.Seat
	first httpserver.AtOnce
}

// Read reads for net/http what is not answered before.
func (c *placeConn) Read(b []byte) (int, error) { return c.first.Read(b) }

// Seat is the connection's place in its crowd.
func (c *placeConn) Seat() *httpserver.Seat { return c.seat }

// Close ends the connection.
func (c *placeConn) Close() error {
	c.seat.Leave()
	return c.Conn.Close()
}

type placeKey struct{}

func placeContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, c.(*placeConn).place)
}

func rulesOf(r *http.Request) *rules {
	return r.Context().Value(placeKey{}).(*place).rules.Load()
}

// refuses gives why a request may not be answered here, or "".
func (r *rules) refuses(req *http.Request) string {
	if len(r.listener.Allow) > 0 {
		from, err := netip.ParseAddrPort(req.RemoteAddr)
		if err != nil || !r.listener.Allows(from.Addr()) {
			return "not from your address"
		}
	}
	if r.listener.IgnoreProxied && proxied(req.Header) {
		return "not through a proxy"
	}
	return ""
}

func proxied(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" {
			return true
		}
	}
	return false
}

// where is a place as people know it: a port that was chosen here, but not the
// name that a socket had while it was made.
func where(asked config.Listener, l net.Listener) string {
	if asked.Network() == "tcp" {
		return l.Addr().String()
	}
	return asked.Address()
}

// listen opens what a listener's URL names.
func listen(l config.Listener) (net.Listener, error) {
	if l.Network() == "unix" {
		return socket.Open(l.Address(), nil)
	}
	return net.Listen("tcp", l.Address())
}
