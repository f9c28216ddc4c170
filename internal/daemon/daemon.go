package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/httpserver"
	"pkgd.io/pkgd/internal/daemon/socket"
	"pkgd.io/pkgd/internal/dirs"
)

// Options is what a daemon serves. All is wanted that does not say otherwise.
type Options struct {
	Dirs     dirs.Dirs
	Packages Packages
	Health   Health
	Services Services
	Store    Store

	// System describes what runs. The daemon adds what it knows itself: PID,
	// StartedAt and Root.
	System func() api.System
	// Alive is the last moment at which the daemon's loop turned as it should.
	Alive func() time.Time
	// Begun is closed once hooks and tasks may run: what would have some run waits
	// for it. Nil: they may from the beginning.
	Begun <-chan struct{}
	// Debug gives the inside of the daemon as a value for JSON.
	Debug func() any
	// Reports shows what waits to be told to a collector.
	Reports func() api.Outbox

	// Public answers probes and monitoring at the places that Config names. Nil:
	// there are none.
	Public Public
	Config config.Config

	// Bus offers health on D-Bus while the daemon serves. Nil: there is none.
	Bus Bus

	// Ctl answers on the ctl socket; CtlConnContext learns who is asking there.
	Ctl            http.Handler
	CtlConnContext func(context.Context, net.Conn) context.Context
	// EndWork ends what may still have something to say on the ctl socket: hooks,
	// and services with their stop-commands. Nil: nothing does.
	EndWork func()
	// CtlAtOnce gives the whole answer to what a user has sent first, or nil: then
	// Ctl answers. Nil: Ctl always does.
	CtlAtOnce func(uid uint32, request []byte) []byte

	// Group may change things beside root. Empty: pkgd.
	Group string

	Log *slog.Logger // nil: nothing is logged
}

// Daemon listens on the admin and the ctl socket.
type Daemon struct {
	o         Options
	routes    []route
	guard     guard
	events    events
	started   time.Time
	listening chan struct{}
}

// NewFor returns a daemon that serves what o names.
func NewFor(o Options) *Daemon {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Group == "" {
		o.Group = adminGroup
	}
	return &Daemon{
		o:         o,
		routes:    routes(),
		guard:     guard{group: o.Group},
		started:   time.Now(),
		listening: make(chan struct{}),
	}
}

// Listening is closed once the sockets are open.
func (d *Daemon) Listening() <-chan struct{} { return d.listening }

// Serve opens both sockets and answers on them until ctx ends, which gives nil,
// or until one of them fails. The ctl socket is the last to close: who ends with
// pkgd may still want to say so. It can be called once.
func (d *Daemon) Serve(ctx context.Context) error {
	adminSocket, ctlSocket, err := d.open()
	if err != nil {
		return err
	}
	if d.o.Public != nil {
		if err := d.o.Public.Open(d.o.Config); err != nil {
			return errors.Join(err, adminSocket.Close(), ctlSocket.Close())
		}
	}
	return d.serveOn(ctx, adminSocket, ctlSocket)
}

// Reload makes the places of the public listener those that c names.
func (d *Daemon) Reload(c config.Config) error {
	if d.o.Public == nil {
		return nil
	}
	return d.o.Public.Open(c)
}

func (d *Daemon) serveOn(ctx context.Context, adminSocket, ctlSocket *socket.Socket) (err error) {
	defer d.events.feed(d.o.Packages, d.o.Health)()
	adminServer := httpserver.New(http.HandlerFunc(d.serveAdmin), connContext, d.o.Log)
	ctlServer := httpserver.New(d.o.Ctl, d.o.CtlConnContext, d.o.Log)

	failed := make(chan error, 3)
	var wg sync.WaitGroup
	wg.Go(func() { failed <- serve(adminServer, d.adminListener(adminSocket), "admin") })
	wg.Go(func() { failed <- serve(ctlServer, d.ctlListener(ctlSocket), "ctl") })
	notify := d.ready()
	close(d.listening)
	serving, ending := context.WithCancel(ctx)
	if d.o.Public != nil {
		wg.Go(func() {
			if err := d.o.Public.Serve(serving); err != nil {
				failed <- err
			}
		})
	}
	wg.Go(func() { notify(serving) })
	if d.o.Bus != nil {
		wg.Go(func() { d.o.Bus.Run(serving) })
	}

	select {
	case <-ctx.Done():
	case err = <-failed:
		d.end("a listener has failed")
	}
	ending()
	adminServer.Stop()
	if d.o.EndWork != nil {
		d.o.EndWork()
	}
	ctlServer.Stop()
	wg.Wait()
	return err
}

// end makes readiness fall before anything else does.
func (d *Daemon) end(why string) {
	if d.o.Public != nil {
		d.o.Public.End(why)
	}
}

func serve(s *httpserver.Server, l net.Listener, name string) error {
	if err := s.Serve(l); err != nil {
		return fmt.Errorf("cannot go on listening on the %s socket: %w", name, err)
	}
	return nil
}

func (d *Daemon) open() (adminSocket, ctlSocket *socket.Socket, err error) {
	given, err := socket.Inherited()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		for _, l := range given { // of names that are not ours
			_ = l.Close()
		}
	}()
	if adminSocket, err = socket.Open(d.o.Dirs.AdminSocket(), given); err != nil {
		return nil, nil, err
	}
	if ctlSocket, err = socket.Open(d.o.Dirs.CtlSocket(), given); err != nil {
		_ = adminSocket.Close()
		return nil, nil, err
	}
	return adminSocket, ctlSocket, nil
}

func (d *Daemon) adminListener(s *socket.Socket) *peerListener {
	return &peerListener{
		Socket: s, who: socket.ReadPeer, crowds: adminCrowds(), log: d.o.Log,
		refusal: rawResponse(tooMany.Kind.HTTPStatus(), errorEnvelope(refusal(tooMany))), excess: map[*net.UnixConn]struct{}{},
	}
}

func (d *Daemon) ctlListener(s *socket.Socket) net.Listener {
	busy := api.CtlResponse{Stderr: "ctl: pkgd has too many callers at once: try again in a moment\n", ExitCode: 1}
	l := &peerListener{
		Socket: s, who: socket.ReadUser, crowds: ctlCrowds(), log: d.o.Log,
		refusal: rawResponse(tooMany.Kind.HTTPStatus(), busy), excess: map[*net.UnixConn]struct{}{},
	}
	if d.o.CtlAtOnce == nil {
		return l
	}
	quick, err := newQuickListener(l, d.o.CtlAtOnce)
	if err != nil {
		d.o.Log.Warn("calls of ctl cost more than they must", "err", err)
		return l
	}
	return quick
}
