package public

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/config"
)

// Break makes every place's listener fail, as nobody had asked for.
func (s *Server) Break() {
	for _, p := range s.places {
		_ = p.l.Close()
	}
}

// Ready says what /readyz would, leaving aside the service manager.
func (s *Server) Ready() bool { return s.ending.Load() == nil }

// Probe is a probe as tests look at it.
type Probe struct{ p *probe }

// NewProbe makes one.
func NewProbe(period, timeout time.Duration, check func(context.Context) error) Probe {
	return Probe{newProbe(period, timeout, check)}
}

// Start lets it look until ctx ends.
func (p Probe) Start(ctx context.Context, wg *sync.WaitGroup) { p.p.start(ctx, wg) }

// Err is what it found last.
func (p Probe) Err() error { return p.p.err() }

// ServeAt answers a request as if it had come in at a listener.
func (s *Server) ServeAt(l config.Listener, expose string, w http.ResponseWriter, r *http.Request) {
	p := &place{}
	p.rules.Store(&rules{listener: l, expose: exposureOf(expose)})
	s.dispatch(w, r.WithContext(context.WithValue(r.Context(), placeKey{}, p)))
}

// ServeOn answers on a listener until the server stops. Answered is told of each
// answer that is given at once; where it is nil net/http gives all.
func (s *Server) ServeOn(l net.Listener, c config.Listener, expose string, answered func()) error {
	p := s.newPlace(l)
	p.rules.Store(&rules{listener: c, expose: exposureOf(expose)})
	atOnce := p.atOnce
	if p.atOnce = nil; answered != nil {
		p.atOnce = func(request []byte) []byte {
			answer := atOnce(request)
			if answer != nil {
				answered()
			}
			return answer
		}
	}
	return s.http.Serve(p)
}

// Stop ends what ServeOn began.
func (s *Server) Stop() { s.stop() }

// ServeAgent answers agent checks on a listener.
func ServeAgent(ctx context.Context, l net.Listener, say func() string) error {
	return (&agent{l: l, say: say}).serve(ctx)
}
