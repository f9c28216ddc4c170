package httpserver

import (
	"container/list"
	"context"
	"net"
	"sync"
)

// Crowd bounds how many connections there are at a time, of everybody together
// and of each party (a user, an address). When there is no room, who is connected
// and asks nothing gives way to who comes, and of them the first to have come of
// the party that has most of them: holding connections open shuts nobody out.
type Crowd struct {
	most, each int

	mu      sync.Mutex // guards n and parties
	n       int
	parties map[string]*party
}

// party is those who count together.
type party struct {
	n    int
	idle list.List // of *Seat, that ask nothing, in the order of their coming
}

// NewCrowd returns one of at most so many connections, and so many of each party.
func NewCrowd(most, each int) *Crowd {
	return &Crowd{most: most, each: each, parties: map[string]*party{}}
}

// Seat is the place of one connection. A nil Seat bounds nothing.
type Seat struct {
	crowd  *Crowd
	party  string
	hangUp func()
	idle   *list.Element // nil while it asks
	left   bool
}

// Enter gives a connection of a party its seat, or nil where there is none. To
// make room it may take another's, whose hangUp it calls.
func (c *Crowd) Enter(name string, hangUp func()) *Seat {
	s, out := c.enter(name, hangUp)
	if out != nil {
		out.hangUp()
	}
	return s
}

func (c *Crowd) enter(name string, hangUp func()) (s, out *Seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	full := c.n >= c.most
	if p := c.parties[name]; p != nil && p.n >= c.each {
		full, out = true, p.first()
	} else if full {
		out = c.idlest().first()
	}
	if full && out == nil {
		return nil, nil
	}
	if out != nil {
		c.leave(out)
	}
	p := c.parties[name]
	if p == nil {
		p = &party{}
		c.parties[name] = p
	}
	c.n++
	p.n++
	s = &Seat{crowd: c, party: name, hangUp: hangUp}
	s.idle = p.idle.PushBack(s)
	return s, out
}

// idlest is the party with most connections that ask nothing.
func (c *Crowd) idlest() *party {
	most := &party{}
	for _, p := range c.parties {
		if p.idle.Len() > most.idle.Len() {
			most = p
		}
	}
	return most
}

func (p *party) first() *Seat {
	if e := p.idle.Front(); e != nil {
		return e.Value.(*Seat)
	}
	return nil
}

// Of is how many connections a party has.
func (c *Crowd) Of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.parties[name]; p != nil {
		return p.n
	}
	return 0
}

func (c *Crowd) leave(s *Seat) {
	if s.left {
		return
	}
	s.left = true
	p := c.parties[s.party]
	if s.idle != nil {
		p.idle.Remove(s.idle)
		s.idle = nil
	}
	c.n--
	if p.n--; p.n == 0 {
		delete(c.parties, s.party)
	}
}

// Leave gives the seat back. Leaving twice is harmless.
func (s *Seat) Leave() {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	s.crowd.leave(s)
}

// asks says whether a whole request of the connection is being answered.
func (s *Seat) asks(yes bool) {
	if s == nil {
		return
	}
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	if s.left || yes == (s.idle == nil) {
		return
	}
	idle := &s.crowd.parties[s.party].idle
	if !yes {
		s.idle = idle.PushBack(s)
		return
	}
	idle.Remove(s.idle)
	s.idle = nil
}

// Seated is a connection that has a seat: such ones may lose it while they ask
// nothing, as [Server] sees it.
type Seated interface {
	net.Conn
	Seat() *Seat
}

type seatKey struct{}

// withSeat notes a connection's seat for its requests.
func withSeat(ctx context.Context, c net.Conn) context.Context {
	if s, ok := c.(Seated); ok {
		return context.WithValue(ctx, seatKey{}, s.Seat())
	}
	return ctx
}

func seatOf(ctx context.Context) *Seat {
	s, _ := ctx.Value(seatKey{}).(*Seat)
	return s
}
