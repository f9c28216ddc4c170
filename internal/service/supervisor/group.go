package supervisor

import (
	"context"
	"sync"
)

// group gives all that is asked of one package its turn. A stop does not wait
// for the start before it to end its waiting.
type group struct {
	turn chan struct{} // holds the one token while nobody has the turn

	mu     sync.Mutex // guards what follows
	stops  int        // stops that have the turn or wait for it
	hasten func()     // ends the waiting of the start that has the turn; or nil
}

func newGroup() *group {
	g := &group{turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	return g
}

// start waits for the turn of a start. The context it gives ends with ctx and
// when somebody wants to stop.
func (g *group) start(ctx context.Context) (patience context.Context, end func(), err error) {
	if err := g.take(ctx); err != nil {
		return nil, nil, err
	}
	patience, cancel := context.WithCancel(ctx)
	g.mu.Lock()
	g.hasten = cancel
	if g.stops > 0 {
		cancel()
	}
	g.mu.Unlock()
	return patience, func() { g.endStart(cancel) }, nil
}

func (g *group) endStart(cancel func()) {
	g.mu.Lock()
	g.hasten = nil
	g.mu.Unlock()
	cancel()
	g.turn <- struct{}{}
}

// stop waits for the turn of a stop and has the start before it not wait.
func (g *group) stop(ctx context.Context) (end func(), err error) {
	g.mu.Lock()
	g.stops++
	if g.hasten != nil {
		g.hasten()
	}
	g.mu.Unlock()
	if err := g.take(ctx); err != nil {
		g.endStop()
		return nil, err
	}
	return func() { g.endStop(); g.turn <- struct{}{} }, nil
}

func (g *group) endStop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stops--
}

func (g *group) take(ctx context.Context) error {
	select {
	case <-g.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
