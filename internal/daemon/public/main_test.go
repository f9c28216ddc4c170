package public_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/public"
	"pkgd.io/pkgd/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host stands for the rooms below. Its snapshot can be set at any time.
type host struct {
	snap     atomic.Pointer[healthstate.Snapshot]
	writable atomic.Pointer[error]
	late     atomic.Int64 // ns that the loop is late

	mu     sync.Mutex // guards below
	turns  []func(api.Transition, api.Record)
	ping   func(ctx context.Context) error
	status []service.Status
	event  func(service.Event)
	counts api.Figures
	outbox api.Outbox
	change func(api.Event)
	asked  chan struct{} // after each Status

	counted chan struct{} // after each Figures
}

var checkedAt = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func newHost(records ...api.Record) *host {
	h := &host{ping: func(context.Context) error { return nil }, asked: make(chan struct{}, 1000), counted: make(chan struct{}, 1000)}
	h.set(records)
	return h
}

func (h *host) set(records []api.Record, silent ...string) {
	h.setAt(checkedAt, records, silent...)
}

func (h *host) setAt(at time.Time, records []api.Record, silent ...string) {
	h.snap.Store(healthstate.NewSnapshot(records, at, `"b-`+describe(records)+`"`, silent))
}

func describe(records []api.Record) string {
	var b strings.Builder
	for _, rec := range records {
		b.WriteString(rec.Package + rec.Status + rec.Code)
	}
	return b.String()
}

func (h *host) Snapshot() *healthstate.Snapshot { return h.snap.Load() }
func (h *host) Writable() error {
	if err := h.writable.Load(); err != nil {
		return *err
	}
	return nil
}

// turn tells all subscribers of a transition, as healthstate does.
func (h *host) turn(t api.Transition) {
	h.mu.Lock()
	turns := h.turns
	h.mu.Unlock()
	for _, f := range turns {
		f(t, api.Record{})
	}
}

type hostHealth struct{ *host }

func (h hostHealth) Subscribe(f func(api.Transition, api.Record)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turns = append(h.turns, f)
	return func() {}
}

// fakePage tells what it was allowed to tell.
type fakePage struct{}

func (fakePage) Run(ctx context.Context) { <-ctx.Done() }
func (fakePage) Serve(w http.ResponseWriter, r *http.Request, expose string) {
	fmt.Fprintf(w, "%s for who may know %s", r.URL.Path, expose)
}

type hostPackages struct{ *host }

func (h hostPackages) Figures() api.Figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.counted <- struct{}{} }()
	return h.counts
}

func (h hostPackages) Subscribe(f func(api.Event)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.change = f
	return func() {}
}

func (h *host) reports() api.Outbox {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.outbox
}

// options are those of a server that tells of the host.
func (h *host) options() public.Options {
	return public.Options{
		Health: hostHealth{h}, Packages: hostPackages{h}, Reports: h.reports, Services: hostServices{h}, Page: fakePage{},
		Writable: h.Writable, Version: "7.7.7",
		Alive: func() time.Time { return time.Now().Add(-time.Duration(h.late.Load())) },
	}
}

type hostServices struct{ *host }

func (h hostServices) Ping(ctx context.Context) error {
	h.mu.Lock()
	ping := h.ping
	h.mu.Unlock()
	return ping(ctx)
}

func (h hostServices) Status(context.Context, string) ([]service.Status, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.asked <- struct{}{} }()
	return h.status, nil
}

func (h hostServices) Subscribe(f func(service.Event)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.event = f
	return func() {}
}

// bench is a public listener that runs for one test.
type bench struct {
	t      *testing.T
	server *public.Server
	stop   func() error
}

func open(t *testing.T, h *host, c config.Config) *bench {
	t.Helper()
	s := public.New(h.options())
	if err := s.Open(c); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, server: s}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

// tcp and unix are configurations of one listener.
func tcp(change ...func(*config.Listener)) config.Config {
	return one("tcp://127.0.0.1:0", change...)
}

func unixSocket(t *testing.T) config.Config {
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return one("unix://" + filepath.Join(dir, "h.sock"))
}

func one(url string, change ...func(*config.Listener)) config.Config {
	c := config.Defaults()
	l := config.Listener{URL: url}
	for _, f := range change {
		f(&l)
	}
	c.Listen = []config.Listener{l}
	return c
}

func exposing(word string) func(*config.Listener) {
	return func(l *config.Listener) { l.Expose = word }
}

// got is a response as tests look at it.
type got struct {
	*http.Response
	body string
}

// ask sends "METHOD PATH" with headers ("Name: value").
func (b *bench) ask(what string, headers ...string) got {
	b.t.Helper()
	method, path, _ := strings.Cut(what, " ")
	req, err := http.NewRequest(method, "http://pkgd"+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return b.dial() },
	}}
	resp, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return got{resp, string(body)}
}

func (b *bench) dial() (net.Conn, error) {
	a := b.server.Addresses()[0]
	address := a.String()
	if a.Network() == "unix" {
		address = strings.Replace(address, "~h", "h.sock", 1) // the name that it was bound to
	}
	return net.Dial(a.Network(), address)
}

// say writes bytes and gives what comes back, to its end.
func (b *bench) say(text string) string {
	b.t.Helper()
	c, err := b.dial()
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		b.t.Fatal(err)
	}
	answer, err := io.ReadAll(bufio.NewReader(c))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(answer)
}

func record(name, status string) api.Record {
	at := checkedAt
	return api.Record{Package: name, Revision: 3, Status: status, CheckedAt: &at, Since: &at, Source: "hook"}
}

// eventually asks until what it gets is wanted: background looks have no end
// that could be waited for from outside.
func (b *bench) eventually(what string, status int) got {
	b.t.Helper()
	for {
		if g := b.ask(what); g.StatusCode == status {
			return g
		}
	}
}
