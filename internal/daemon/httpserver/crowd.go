package httpserver

import (
	"container/list"
	"context"
	"net"
	"sync"
)

// Crowd bounds how many connections there are at a time, of everybody together
// and of each party (a user, an address). When there is no room, who is connected
// and asks nothing gives way to who comes, and of them who has asked nothing for longest of
// the party that has most of them: holding connections open shuts nobody out.
type Crowd struct {
	most, each int

	mu      sync.Mutex // guards n and parties
	n       int
	parties map[string]*party
}

// party is those who count together.
type party struct {
	n     int
	idle  int       // of them, that ask nothing
	seats list.List // of *Seat, who has asked last comes last
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
	place  *list.Element // among its party's
	asking bool
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
	p.idle++
	s = &Seat{crowd: c, party: name, hangUp: hangUp}
	s.place = p.seats.PushBack(s)
	return s, out
}

// idlest is the party with most connections that ask nothing.
func (c *Crowd) idlest() *party {
	most := &party{}
	for _, p := range c.parties {
		if p.idle > most.idle {
			most = p
		}
	}
	return most
}

// first is the one that asks nothing for longest, or nil.
func (p *party) first() *Seat {
	if p.idle == 0 {
		return nil
	}
	for e := p.seats.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*Seat); !s.asking {
			return s
		}
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
	p.seats.Remove(s.place)
	if !s.asking {
		p.idle--
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
	if s.left || yes == s.asking {
		return
	}
	s.asking = yes
	p := s.crowd.parties[s.party]
	if yes {
		p.idle--
		return
	}
	p.idle++
	p.seats.MoveToBack(s.place)
}

// asked says that a request of the connection has been answered at once.
func (s *Seat) asked() {
	if s == nil {
		return
	}
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	if !s.left {
		s.crowd.parties[s.party].seats.MoveToBack(s.place)
	}
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
