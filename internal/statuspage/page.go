package statuspage

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// Health is what the page asks of healthstate. Snapshot must not wait; History
// may.
type Health interface {
	Snapshot() *healthstate.Snapshot
	History(name string, limit int) ([]api.Transition, error)
	Subscribe(f func(api.Transition, api.Record)) (cancel func())
}

// Packages is what the page asks of pkgstate. Why may wait.
type Packages interface {
	Why(name string) (api.Why, error)
	Subscribe(f func(api.Event)) (cancel func())
}

// Options is what a Page tells of. Health and Packages are wanted.
type Options struct {
	Health   Health
	Packages Packages
	Host     string           // the machine's name, told to who may learn names; "": none
	Version  string           // pkgd's, told to who may learn all
	Now      func() time.Time // nil: time.Now; its location is the one of the times shown
	Log      *slog.Logger     // nil: nothing is logged
	Streams  int              // at a time, of one address a quarter, of this host all but a quarter; 0: 64
}

// Page is the status page of one host.
type Page struct {
	o    Options
	bell bell

	chronicles atomic.Pointer[chronicles]
	drawn      [exposures]atomic.Pointer[drawing]
	reading    reading
	watchers   watchers
}

// New returns a page. Until [Page.Run] it knows no past.
func New(o Options) *Page {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Streams == 0 {
		o.Streams = 64
	}
	p := &Page{o: o, watchers: watchers{of: map[string]int{}}}
	p.bell.init()
	p.reading.init()
	p.chronicles.Store(&chronicles{of: map[string]*chronicle{}})
	return p
}

// Run keeps the page up to date until ctx ends.
func (p *Page) Run(ctx context.Context) {
	defer p.o.Health.Subscribe(p.hear)()
	defer p.o.Packages.Subscribe(p.hearOfChange)()
	p.read(ctx)
}
