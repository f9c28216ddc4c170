package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/osutil"
)

// Name is the name that pkgd has on the bus.
const Name = "io.pkgd.Manager1"

// The pause before a bus is looked for again doubles between these.
const (
	minPause = 250 * time.Millisecond
	maxPause = 30 * time.Second
)

// Health is what the bus asks of healthstate.
type Health interface {
	Snapshot() *healthstate.Snapshot
	Subscribe(f func(api.Transition, api.Record)) (cancel func())
}

// Packages is what the bus asks of pkgstate.
type Packages interface {
	Change(id string) (api.Change, error)
	Subscribe(f func(api.Event)) (cancel func())
}

// Options is what a Bus offers, and where. All is wanted but Log.
type Options struct {
	Address  string // as D-Bus writes it, see [Address]
	Version  string // of pkgd
	Health   Health
	Packages Packages
	Resumed  func()       // called when logind says that the host runs again after a suspend; nil: nobody cares
	Log      *slog.Logger // nil: nothing is logged
}

// Bus keeps pkgd on the bus while it runs.
type Bus struct {
	o       Options
	changed chan struct{} // somebody's health, and so properties
	happens chan happening
	state   atomic.Pointer[string]
}

// New returns a bus that is not connected yet.
func New(o Options) *Bus {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{o: o, changed: make(chan struct{}, 1), happens: make(chan happening, backlog)}
	b.describe("not connected yet")
	return b
}

// Describe says in a few words how pkgd is on the bus.
func (b *Bus) Describe() string { return *b.state.Load() }

func (b *Bus) describe(text string) { b.state.Store(&text) }

// Run offers what there is until ctx ends. It looks for a bus that is missing or
// went away again and again, and logs only what is news.
func (b *Bus) Run(ctx context.Context) {
	defer b.o.Health.Subscribe(b.onHealth)()
	defer b.o.Packages.Subscribe(b.onEvent)()
	pause, quiet := minPause, false
	for ctx.Err() == nil {
		served, err := b.session(ctx)
		if ctx.Err() != nil {
			return
		}
		b.describe(err.Error())
		if served {
			pause, quiet = minPause, false
		}
		if !quiet {
			b.o.Log.Info("not on D-Bus; it is tried again now and then", "err", err)
			quiet = true
		}
		_ = osutil.Sleep(ctx, pause)
		pause = min(2*pause, maxPause)
	}
}

// session is one connection. Served says that pkgd had its name on it.
func (b *Bus) session(ctx context.Context) (served bool, err error) {
	l, err := dial(ctx, b.o.Address)
	if err != nil {
		return false, fmt.Errorf("cannot reach the bus: %w", err)
	}
	defer l.close()
	o := &objects{health: b.o.Health, version: b.o.Version}
	if err := o.export(l.Conn); err != nil {
		return false, fmt.Errorf("cannot offer pkgd on the bus: %w", err)
	}
	if err := b.listen(l); err != nil {
		return false, err
	}
	if err := b.own(l); err != nil {
		return false, err
	}
	b.discard()
	p := newPublisher(l.Conn, o, b.o.Packages)
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case s, ok := <-l.signals:
			if !ok {
				return true, errors.New("the connection to the bus was lost")
			}
			b.hear(s)
		case <-b.changed:
			err = p.properties()
		case h := <-b.happens:
			err = p.happened(h)
		}
		if err != nil {
			return true, fmt.Errorf("cannot send over the bus: %w", err)
		}
	}
}

// discard forgets what happened while nobody could hear it.
func (b *Bus) discard() {
	for {
		select {
		case <-b.happens:
		case <-b.changed:
		default:
			return
		}
	}
}
