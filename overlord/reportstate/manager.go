package reportstate

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/state"
)

// Options are what a Manager is built from. State, Log, Host and Digest are
// needed; what else is zero gets its default.
type Options struct {
	State   *state.State
	Log     *slog.Logger
	Version string // of pkgd
	// Host is the roll-up of the host's health; it takes no lock of the state's.
	Host func() api.Health
	// Digest names the content that the host numbers rev, empty where it is not
	// known. It is called with the state locked.
	Digest func(name string, rev int) string

	Transport  http.RoundTripper // nil: one of its own
	Timeout    time.Duration     // of a request with its answer; 30 s
	RetryFirst time.Duration     // after a failure, doubling; 5 s
	RetryMost  time.Duration     // up to this; 15 min
	MaxWaiting int               // reports in the outbox; 2,000
	MaxBytes   int               // of them before compression; 8 MiB
	MaxBatch   int               // reports in a request; 256
}

func (o Options) withDefaults() Options {
	fill(&o.Timeout, 30*time.Second)
	fill(&o.RetryFirst, 5*time.Second)
	fill(&o.RetryMost, 15*time.Minute)
	fill(&o.MaxWaiting, 2000)
	fill(&o.MaxBytes, 8<<20)
	fill(&o.MaxBatch, 256)
	if o.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConns = 1
		o.Transport = own
	}
	return o
}

func fill[T int | time.Duration](v *T, usual T) {
	if *v == 0 {
		*v = usual
	}
}

// Manager writes reports and ships them. It is safe for use by many goroutines.
// Where several locks are needed, life comes first, then the state's, then mu.
type Manager struct {
	st   *state.State
	log  *slog.Logger
	o    Options
	sync func(context.Context) error // waits for the disk
	wake chan struct{}               // one token: the shipping goroutine is to look again

	life    sync.Mutex // guards what follows: the life of the shipping goroutine
	started bool
	cancel  context.CancelFunc // nil: it does not run
	done    chan struct{}      // closed when it has ended

	// mu guards what follows. It is held for moments, never across a request or
	// the disk.
	mu      sync.Mutex
	conf    config.Fleet
	device  string
	boot    string // empty: reports were never wanted since pkgd started
	seq     uint64 // last sequence given
	durable uint64 // up to this sequence, changes are known to be on disk
	out     outbox
	tally   tally
	line    line
}

// NewManager makes a manager that does nothing before Configure names a
// collector.
func NewManager(o Options) *Manager {
	o = o.withDefaults()
	return &Manager{st: o.State, log: o.Log, o: o, sync: o.State.Sync, wake: make(chan struct{}, 1), line: line{most: o.MaxBatch}}
}

// Configure takes where reports go from now on; without a URL nowhere: then
// none are written, and those that wait stay. It also ends the waiting after a
// failure, whose reason may be gone. Call it without the state's lock.
func (m *Manager) Configure(f config.Fleet) {
	m.life.Lock()
	defer m.life.Unlock()
	if m.fleet() != f {
		m.halt()
	}
	m.adopt(f)
	if m.started && f.URL != "" && m.cancel == nil {
		m.begin()
	}
	m.kick()
}

// StartUp begins to ship, if there is a collector.
func (m *Manager) StartUp() {
	m.life.Lock()
	defer m.life.Unlock()
	m.started = true
	if m.fleet().URL != "" && m.cancel == nil {
		m.begin()
	}
}

// Stop ends the request under way and hands to the state what only memory knew.
func (m *Manager) Stop() {
	m.life.Lock()
	defer m.life.Unlock()
	m.started = false
	m.halt()
	m.flush()
}

// begin starts the shipping goroutine. life is held.
func (m *Manager) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel, m.done = cancel, make(chan struct{})
	go m.ship(ctx, m.done)
}

// halt ends it, if it runs. life is held.
func (m *Manager) halt() {
	if m.cancel == nil {
		return
	}
	m.cancel()
	<-m.done
	m.cancel = nil
}

func (m *Manager) fleet() config.Fleet {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conf
}

// adopt makes f the collector. The first time that there is one, the device and
// what waits from the last time come from the state.
func (m *Manager) adopt(f config.Fleet) {
	m.st.Lock()
	defer m.st.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.URL != "" && m.boot == "" {
		m.load()
	}
	if m.conf != f {
		m.line.next = time.Now().Add(within(f.Interval / 5))
	}
	m.conf = f
	m.line.retry = time.Time{}
}

// kick makes the shipping goroutine look again.
func (m *Manager) kick() {
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}
