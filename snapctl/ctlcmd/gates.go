package ctlcmd

import (
	"context"
	"errors"
	"sync"

	"pkgd.io/pkgd/hookrunner"
)

// A package may have so many calls under way at once, and so many more waiting.
// Others' calls never stand in the same line.
const (
	atOnce  = 8
	waiting = 256
)

var errBusy = errors.New("too many calls of this package are waiting: try again in a moment")

// gates keep one package's flood of calls from the others, and from the daemon's
// memory.
type gates struct {
	mu     sync.Mutex // guards byName and each gate's users
	byName map[string]*lineUp
}

type lineUp struct {
	slots chan struct{}
	users int // inside and waiting
}

func newGates() *gates { return &gates{byName: map[string]*lineUp{}} }

// gate names the line in which a call waits: the package's, and one of its own
// for calls that wait for services, so that health is not kept waiting by them.
func gate(c *hookrunner.Context, l line) string {
	switch l.command.Name {
	case "start", "stop", "restart":
		return c.Package() + " services"
	}
	return c.Package()
}

// enter waits for a place; leave gives it back.
func (g *gates) enter(ctx context.Context, name string) (leave func(), err error) {
	at, err := g.join(name)
	if err != nil {
		return nil, err
	}
	select {
	case at.slots <- struct{}{}:
	case <-ctx.Done():
		g.part(name, at)
		return nil, ctx.Err()
	}
	return func() { <-at.slots; g.part(name, at) }, nil
}

func (g *gates) join(name string) (*lineUp, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.byName[name]
	if at == nil {
		at = &lineUp{slots: make(chan struct{}, atOnce)}
		g.byName[name] = at
	}
	if at.users == atOnce+waiting {
		return nil, errBusy
	}
	at.users++
	return at, nil
}

func (g *gates) part(name string, at *lineUp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at.users--; at.users == 0 {
		delete(g.byName, name)
	}
}
