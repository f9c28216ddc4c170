package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// chronicle is what is known of one package's past. It is never changed.
type chronicle struct {
	past []api.Transition // newest first
	why  *api.Why         // nil: nothing has happened to it yet
}

// chronicles are those of all packages at one moment. They are never changed.
type chronicles struct {
	of      map[string]*chronicle
	at      time.Time // when all were read; zero: never
	edition uint64    // grows when one says something else
}

// maxAge is how old the chronicles may get before somebody who asks makes them
// be read again, in case that news of something was missed.
const maxAge = time.Minute

// reading is what the reader is to read next.
type reading struct {
	wake    chan struct{}
	all     atomic.Bool
	mu      sync.Mutex // guards pending
	pending map[string]bool
}

func (r *reading) init() {
	r.wake = make(chan struct{}, 1)
	r.pending = map[string]bool{}
	r.ask() // before anybody asks
}

// ask has all chronicles read soon. It does not wait.
func (r *reading) ask() {
	if !r.all.Swap(true) {
		r.kick()
	}
}

// askFor has some packages' chronicles read soon. It does not wait.
func (r *reading) askFor(packages ...string) {
	r.mu.Lock()
	for _, name := range packages {
		r.pending[name] = true
	}
	r.mu.Unlock()
	r.kick()
}

func (r *reading) kick() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// next is what to read now: all packages, or those that are named.
func (r *reading) next() (all bool, packages map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	packages, r.pending = r.pending, map[string]bool{}
	return r.all.Swap(false), packages
}

// hear is told of a transition. The bell rings at once: that a package is unwell
// does not wait for the disk.
func (p *Page) hear(t api.Transition, _ api.Record) {
	p.bell.ring()
	p.reading.askFor(t.Package)
}

// hearOfChange is told of changes while the state is locked, so that it only
// takes note.
func (p *Page) hearOfChange(ev api.Event) {
	var chg api.Change
	if ev.Type != "change" || json.Unmarshal(ev.Data, &chg) != nil || !chg.Ready {
		return
	}
	p.reading.askFor(chg.Packages...)
	p.bell.ring()
}

// read reads chronicles when asked, until ctx ends.
func (p *Page) read(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.reading.wake:
		}
		all, packages := p.reading.next()
		p.chronicles.Store(p.readNext(ctx, all, packages))
		p.bell.ring()
	}
}

// readNext is the chronicles with those of some packages, or all, read anew. A
// package that went is not among them.
func (p *Page) readNext(ctx context.Context, all bool, packages map[string]bool) *chronicles {
	old := p.chronicles.Load()
	next := &chronicles{of: maps.Clone(old.of), at: old.at, edition: old.edition}
	installed := map[string]bool{}
	for _, rec := range p.o.Health.Snapshot().Health.Packages {
		installed[rec.Package] = true
		if ctx.Err() == nil && (all || packages[rec.Package] || next.of[rec.Package] == nil) {
			next.of[rec.Package] = p.readOne(rec.Package)
		}
	}
	maps.DeleteFunc(next.of, func(name string, _ *chronicle) bool { return !installed[name] })
	if !maps.EqualFunc(old.of, next.of, func(a, b *chronicle) bool { return reflect.DeepEqual(a, b) }) {
		next.edition++
	}
	if all {
		next.at = p.o.Now()
	}
	return next
}

// readOne reads one chronicle. What cannot be read is left out: the page is
// still good for how the package is now.
func (p *Page) readOne(name string) *chronicle {
	c := &chronicle{}
	past, err := p.o.Health.History(name, 0)
	p.complain(name, err)
	c.past = past
	why, err := p.o.Packages.Why(name)
	p.complain(name, err)
	if err == nil {
		c.why = &why
	}
	return c
}

func (p *Page) complain(name string, err error) {
	var known *api.Error // it has no past, or was removed meanwhile
	if err != nil && !errors.As(err, &known) {
		p.o.Log.Warn("cannot read a package's past for the status page", "package", name, "error", err)
	}
}
