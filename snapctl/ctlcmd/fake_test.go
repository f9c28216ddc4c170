package ctlcmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/confdoc"
	"pkgd.io/pkgd/snapctl"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

// fakeBackend keeps one package's configuration, and every other call as a line
// of text.
type fakeBackend struct {
	mu       sync.Mutex // guards what follows
	doc      json.RawMessage
	calls    []string
	warning  string
	err      error
	services []api.Service
	record   api.Record
	pending  string
	entered  chan struct{} // told of each ServiceAction
	release  chan struct{} // what a ServiceAction waits for
}

func (b *fakeBackend) note(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf(format, args...))
	return b.err
}

func (b *fakeBackend) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

func (b *fakeBackend) Health(string) api.Record { return b.record }

func (b *fakeBackend) Config(_ *hookrunner.Context, key string) (json.RawMessage, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, false, b.err
	}
	return confdoc.Get(b.doc, key)
}

func (b *fakeBackend) SetConfig(_ *hookrunner.Context, patch map[string]json.RawMessage) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	doc, err := confdoc.Patch(b.doc, patch)
	if err == nil {
		b.doc = doc
	}
	return err
}

func (b *fakeBackend) Services(context.Context, string) ([]api.Service, error) {
	return b.services, b.err
}

func (b *fakeBackend) ServiceAction(ctx context.Context, _ *hookrunner.Context, action string, names []string, enable, disable bool) error {
	if b.entered != nil {
		b.entered <- struct{}{}
	}
	if b.release != nil {
		select {
		case <-b.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return b.note("%s %v enable=%v disable=%v", action, names, enable, disable)
}

func (b *fakeBackend) SetHealth(_ *hookrunner.Context, status, code, message string, blockers []string) (string, error) {
	return b.warning, b.note("set-health %q %q %q %q", status, code, message, blockers)
}

func (b *fakeBackend) AddCheck(_ *hookrunner.Context, name, health, message string, qos *float64, data map[string]string) error {
	of := "none"
	if qos != nil {
		of = fmt.Sprint(*qos)
	}
	return b.note("add-check %q %q %q qos %s data %v", name, health, message, of, data)
}

func (b *fakeBackend) RefreshPending(pkg string) (string, error) { return b.pending, b.err }

func (b *fakeBackend) RefreshHold(_ *hookrunner.Context, d time.Duration) error {
	return b.note("hold %s", d)
}

func (b *fakeBackend) RefreshProceed(*hookrunner.Context) error { return b.note("proceed") }

func (b *fakeBackend) Version() string { return "1.2.3" }

// house is a ctl socket with a fake backend behind it and one hook run of the
// package "web" in front.
type house struct {
	t       testing.TB
	backend *fakeBackend
	socket  string
	cookie  string
	hctx    *hookrunner.Context
	all     *hookrunner.Contexts
	srv     *http.Server
}

func newHouse(t testing.TB) *house {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &house{t: t, backend: &fakeBackend{}, socket: filepath.Join(dir, "s"), all: hookrunner.NewContexts()}
	h.hctx, h.cookie = h.open(hookrunner.Spec{Package: "web", Revision: 2, Hook: "configure", UID: uint32(os.Getuid()), Ephemeral: true})
	l, err := net.Listen("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h.srv = &http.Server{Handler: ctlcmd.NewHandler(h.all, h.backend, log), ConnContext: ctlcmd.ConnContext}
	served := make(chan error, 1)
	go func() { served <- h.srv.Serve(l) }()
	t.Cleanup(func() {
		h.srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return h
}

func (h *house) open(s hookrunner.Spec) (*hookrunner.Context, string) {
	h.t.Helper()
	c, cookie, err := h.all.Open(s)
	if err != nil {
		h.t.Fatal(err)
	}
	return c, cookie
}

type outcome struct {
	Code           int
	Stdout, Stderr string
}

// ctl runs the client's half, as a hook would, in this process.
func (h *house) ctl(args ...string) outcome { return h.ctlWith(h.cookie, args...) }

func (h *house) ctlWith(cookie string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	env := map[string]string{"PKGD_CTL_SOCKET": h.socket, "PKG_COOKIE": cookie}
	code := snapctl.Run(args, snapctl.Env{
		Getenv: func(name string) string { return env[name] },
		Stdout: &stdout, Stderr: &stderr,
	})
	return outcome{code, stdout.String(), stderr.String()}
}

// post sends a body by net/http, as curl would.
func (h *house) post(method, path, body string) (status int, answer string) {
	h.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", h.socket)
		},
	}}
	req, err := http.NewRequest(method, "http://pkgd"+path, bytes.NewBufferString(body))
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
