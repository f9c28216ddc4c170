package public

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"

	"pkgd.io/pkgd/internal/api"
)

// maxTransitions is how many transitions of a package the page goes back.
const maxTransitions = 1000

// chapter is the past of one package.
type chapter struct {
	transitions []api.Transition // newest first
	why         *api.Why         // of its last change; nil: there is none
}

// chronicle knows the past of all packages, so that the page need not read it:
// it is read in the background whenever there is more of it.
type chronicle struct {
	health   Health
	packages Packages
	log      *slog.Logger
	chapters atomic.Pointer[map[string]chapter]
	once     sync.Once
	kick     chan struct{}

	mu        sync.Mutex // guards what follows
	changed   map[string]bool
	listeners map[chan struct{}]struct{}
}

func newChronicle(h Health, p Packages, log *slog.Logger) *chronicle {
	c := &chronicle{
		health: h, packages: p, log: log, kick: make(chan struct{}, 1),
		changed: map[string]bool{}, listeners: map[chan struct{}]struct{}{},
	}
	c.chapters.Store(&map[string]chapter{})
	return c
}

func (c *chronicle) of(name string) chapter { return (*c.chapters.Load())[name] }

// start reads what there is, and goes on until ctx ends.
func (c *chronicle) start(ctx context.Context, wg *sync.WaitGroup) {
	c.once.Do(func() {
		context.AfterFunc(ctx, c.health.Subscribe(func(t api.Transition, _ api.Record) { c.note(t.Package) }))
		context.AfterFunc(ctx, c.packages.Subscribe(c.onEvent))
		c.note()
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-c.kick:
					c.read(ctx)
					c.tell()
				}
			}
		})
	})
}

func (c *chronicle) onEvent(ev api.Event) {
	var chg api.Change
	if ev.Type != "change" || json.Unmarshal(ev.Data, &chg) != nil || !chg.Ready {
		return
	}
	c.note(chg.Packages...)
}

// note is called from within other rooms and does not wait.
func (c *chronicle) note(names ...string) {
	c.mu.Lock()
	for _, name := range names {
		c.changed[name] = true
	}
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// read reads the past of packages that are new or changed, and forgets that of
// those that went.
func (c *chronicle) read(ctx context.Context) {
	c.mu.Lock()
	changed := c.changed
	c.changed = map[string]bool{}
	c.mu.Unlock()
	old := *c.chapters.Load()
	chapters := make(map[string]chapter, len(old))
	for _, rec := range c.health.Snapshot().Health.Packages {
		ch, known := old[rec.Package]
		if !known || changed[rec.Package] {
			ch = c.readOne(rec.Package)
		}
		chapters[rec.Package] = ch
		if ctx.Err() != nil {
			return
		}
	}
	c.chapters.Store(&chapters)
}

func (c *chronicle) readOne(name string) chapter {
	var ch chapter
	var err error
	if ch.transitions, err = c.health.History(name, maxTransitions); err != nil {
		c.log.Warn("cannot show a package's history", "package", name, "err", err)
	}
	if why, err := c.packages.Why(name); err == nil {
		ch.why = &why
	}
	return ch
}

// listen gives a channel that has something whenever there is news.
func (c *chronicle) listen() (news <-chan struct{}, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{}, 1)
	c.listeners[ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, ch)
	}
}

func (c *chronicle) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range maps.Keys(c.listeners) {
		select {
		case ch <- struct{}{}:
		default: // has news waiting
		}
	}
}
