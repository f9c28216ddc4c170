package public

import (
	"context"
	"sync"
	"time"
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
