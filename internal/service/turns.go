package service

import (
	"context"
	"sync"
)

// Turns give all that is asked of one package its turn, and hold up nobody else.
// A stop has the start before it not wait for readiness. The zero value is
// ready.
type Turns struct {
	mu    sync.Mutex // guards turns
	turns map[string]*turn
}

func (t *Turns) of(pkg string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.turns == nil {
		t.turns = make(map[string]*turn)
	}
	if t.turns[pkg] == nil {
		t.turns[pkg] = newTurn()
	}
	return t.turns[pkg]
}

// Start waits for the turn of a start, which the caller ends. The patience it
// gives ends with ctx, and when somebody wants to stop services of the package.
func (t *Turns) Start(ctx context.Context, pkg string) (patience context.Context, end func(), err error) {
	return t.of(pkg).start(ctx)
}

// Stop waits for the turn of a stop, which the caller ends.
func (t *Turns) Stop(ctx context.Context, pkg string) (end func(), err error) {
	return t.of(pkg).stop(ctx)
}

// turn is one package's.
type turn struct {
	free chan struct{} // holds the one token while nobody has the turn

	mu     sync.Mutex // guards what follows
	stops  int        // stops that have the turn or wait for it
	hasten func()     // ends the waiting of the start that has the turn; or nil
}

func newTurn() *turn {
	t := &turn{free: make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

func (t *turn) start(ctx context.Context) (patience context.Context, end func(), err error) {
	if err := t.take(ctx); err != nil {
		return nil, nil, err
	}
	patience, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	t.hasten = cancel
	if t.stops > 0 {
		cancel()
	}
	t.mu.Unlock()
	return patience, func() { t.endStart(cancel) }, nil
}

func (t *turn) endStart(cancel func()) {
	t.mu.Lock()
	t.hasten = nil
	t.mu.Unlock()
	cancel()
	t.free <- struct{}{}
}

func (t *turn) stop(ctx context.Context) (end func(), err error) {
	t.mu.Lock()
	t.stops++
	if t.hasten != nil {
		t.hasten()
	}
	t.mu.Unlock()
	if err := t.take(ctx); err != nil {
		t.endStop()
		return nil, err
	}
	return func() { t.endStop(); t.free <- struct{}{} }, nil
}

func (t *turn) endStop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stops--
}

func (t *turn) take(ctx context.Context) error {
	select {
	case <-t.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
