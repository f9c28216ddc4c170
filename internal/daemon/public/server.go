package public

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/httpserver"
	"pkgd.io/pkgd/internal/service"
)

// Health is what the listener asks of healthstate.
type Health interface {
	Snapshot() *healthstate.Snapshot
	Subscribe(f func(api.Transition, api.Record)) (cancel func())
}

// Page is the status page; see package statuspage.
type Page interface {
	Run(ctx context.Context)
	Serve(w http.ResponseWriter, r *http.Request, expose string)
}

// Services is what the listener asks of the service manager.
type Services interface {
	Ping(ctx context.Context) error
	Status(ctx context.Context, pkg string) ([]service.Status, error)
	Subscribe(f func(service.Event)) (cancel func())
}

// Packages is what the listener asks of pkgstate. Figures may wait.
type Packages interface {
	Figures() api.Figures
	Subscribe(f func(api.Event)) (cancel func())
}

// Options is what a Server tells of. All is wanted but Log.
type Options struct {
	Health   Health
	Packages Packages
	Reports  func() api.Outbox // what waits to be told to a collector
	Services Services
	Page     Page             // what people see at /
	Writable func() error     // why state cannot be written, or nil; must not wait
	Alive    func() time.Time // the last moment at which the loop turned as it should
	Version  string
	Log      *slog.Logger // nil: nothing is logged
}

// Server answers at every place that the configuration names.
type Server struct {
	o       Options
	http    *httpserver.Server
	started atomic.Bool            // all places are open
	ending  atomic.Pointer[string] // why pkgd is not ready any more
	up      *upness
	moments moments
	wells   wire      // of all probes that find nothing amiss
	looking sync.Once // at what is looked after in the background
	page    sync.Once // runs
	metrics *metrics

	ctx    context.Context // of probes and agents; ends with Serve
	cancel context.CancelFunc
	wg     sync.WaitGroup
	failed chan error

	mu     sync.Mutex // guards places, agent and the opening of more
	places map[string]*place
	agent  *agent
}

// New returns a server that is nowhere yet.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, up: newUpness(o.Services), failed: make(chan error, 1), places: map[string]*place{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.metrics = newMetrics(s)
	context.AfterFunc(s.ctx, s.metrics.subscribe(o.Health))
	s.http = httpserver.New(http.HandlerFunc(s.dispatch), placeContext, o.Log)
	return s
}

// Open makes the places those that c names: it opens new ones, closes the ones
// that went, and gives the rest their new rules. Where one cannot be opened the
// others are as c says all the same.
func (s *Server) Open(c config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[string]*rules{}
	for _, l := range c.Listen {
		wanted[l.URL] = newRules(l, c.ExposeOn(l))
	}
	for url, p := range s.places {
		if wanted[url] == nil {
			delete(s.places, url)
			p.close()
		}
	}
	var errs []error
	for url, r := range wanted {
		errs = append(errs, s.openPlace(url, r))
	}
	errs = append(errs, s.openAgent(c.AgentListen))
	err := errors.Join(errs...)
	s.started.Store(err == nil)
	if len(s.places) > 0 || s.agent != nil {
		s.looking.Do(s.look)
	}
	if len(s.places) > 0 {
		s.page.Do(func() { s.wg.Go(func() { s.o.Page.Run(s.ctx) }) })
	}
	return err
}

// look begins to look after things in the background; nobody does where nobody
// listens.
func (s *Server) look() {
	s.up.start(s.ctx, &s.wg)
	s.metrics.figures.probe.start(s.ctx, &s.wg)
	context.AfterFunc(s.ctx, s.o.Packages.Subscribe(s.hear))
}

// hear is told of changes while the state is locked, so that it only takes note.
// A change that has ended is counted, and may have left a service disabled, of
// which the service manager tells nobody.
func (s *Server) hear(ev api.Event) {
	var chg struct {
		Ready bool `json:"ready"`
	}
	if ev.Type == "change" && json.Unmarshal(ev.Data, &chg) == nil && chg.Ready {
		s.metrics.figures.probe.now()
		s.up.states.now()
	}
}

func (s *Server) openPlace(url string, r *rules) error {
	if p := s.places[url]; p != nil {
		p.follow(s.ctx, &s.wg, r)
		return nil
	}
	l, err := listen(r.listener)
	if err != nil {
		return fmt.Errorf("cannot answer health probes at %s: %w", url, err)
	}
	p := s.newPlace(l)
	p.follow(s.ctx, &s.wg, r)
	s.places[url] = p
	s.o.Log.Info("answering health probes", "at", where(r.listener, l), "tells", r.expose.String())
	s.wg.Go(func() { s.watch(p.closed.Load, url, s.http.Serve(p)) })
	return nil
}

func (s *Server) newPlace(l net.Listener) *place {
	p := &place{l: l, crowd: httpserver.NewCrowd(maxConnections, maxOfAddress)}
	p.atOnce = func(request []byte) []byte { return s.atOnce(p.rules.Load(), request) }
	return p
}

func (s *Server) openAgent(url string) error {
	if s.agent != nil && s.agent.url == url {
		return nil
	}
	if s.agent != nil {
		s.agent.close()
		s.agent = nil
	}
	if url == "" {
		return nil
	}
	l, err := listen(config.Listener{URL: url})
	if err != nil {
		return fmt.Errorf("cannot answer agent checks at %s: %w", url, err)
	}
	a := &agent{url: url, l: l, say: s.agentSays}
	s.agent = a
	s.wg.Go(func() { s.watch(a.closed.Load, url, a.serve(s.ctx)) })
	return nil
}

// watch takes note of a place that ended and was not meant to.
func (s *Server) watch(closed func() bool, url string, err error) {
	if s.ctx.Err() != nil || closed() {
		return
	}
	s.End("a listener has failed")
	if err == nil {
		err = net.ErrClosed
	}
	select {
	case s.failed <- fmt.Errorf("cannot go on answering at %s: %w", url, err):
	default: // the first is the one to know
	}
}

// End makes pkgd not ready from now on, and says why.
func (s *Server) End(why string) { s.ending.CompareAndSwap(nil, &why) }

// Serve answers until ctx ends, which gives nil, or until a place fails.
func (s *Server) Serve(ctx context.Context) (err error) {
	select {
	case <-ctx.Done():
		s.End("pkgd is stopping")
	case err = <-s.failed:
	}
	s.stop()
	return err
}

func (s *Server) stop() {
	s.mu.Lock()
	if s.agent != nil {
		s.agent.close()
	}
	s.mu.Unlock()
	s.cancel()
	s.http.Stop()
	s.wg.Wait()
}

// Addresses are where the server listens, as the network knows them.
func (s *Server) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []net.Addr
	for _, p := range s.places {
		all = append(all, p.l.Addr())
	}
	if s.agent != nil {
		all = append(all, s.agent.l.Addr())
	}
	return all
}
