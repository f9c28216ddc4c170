package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/dirs"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("PKGD_TEST_ROLE"); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// house is a daemon that runs for one test, and a client of it.
type house struct {
	t      *testing.T
	dirs   dirs.Dirs
	fake   *fake
	client *http.Client
	stop   func() error // ends Serve and gives what it returned
}

func start(t *testing.T) *house { return startWith(t, newFake(), nil) }

func startWith(t *testing.T, f *fake, change func(*daemon.Options)) *house {
	t.Helper()
	h := &house{t: t, dirs: shortDirs(t), fake: f}
	o := f.options(h.dirs)
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d, ended := daemon.NewFor(o), make(chan error, 1)
	go func() { ended <- d.Serve(ctx) }()
	select {
	case <-d.Listening():
	case err := <-ended:
		cancel()
		t.Fatalf("cannot serve: %v", err)
	}
	h.client = clientOf(h.dirs.AdminSocket())
	stopped := false
	h.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		if err := h.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

// shortDirs is a root whose sockets' paths the kernel takes, open to all users.
func shortDirs(t *testing.T) dirs.Dirs {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := dirs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func clientOf(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dialBusy(socket) },
	}}
}

// dialBusy connects, also to a socket that does not keep up with those who come.
func dialBusy(socket string) (net.Conn, error) {
	for {
		c, err := net.Dial("unix", socket)
		if !errors.Is(err, syscall.EAGAIN) {
			return c, err
		}
	}
}

// ask sends a request and gives the response, its body read.
func (h *house) ask(method, path, body string) (*http.Response, []byte) {
	h.t.Helper()
	return h.askAs(h.client, method, path, body)
}

func (h *house) askAs(c *http.Client, method, path, body string) (*http.Response, []byte) {
	h.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, "http://pkgd"+path, r)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, b
}

// refused asks for what must be refused, and gives the refusal.
func (h *house) refused(method, path, body string) (int, api.Error) {
	h.t.Helper()
	return h.refusedAs(h.client, method, path, body)
}

func (h *house) refusedAs(c *http.Client, method, path, body string) (int, api.Error) {
	h.t.Helper()
	resp, b := h.askAs(c, method, path, body)
	var env api.Response
	var refusal api.Error
	strict(h.t, b, &env)
	if env.Type != api.ErrorType || env.StatusCode != resp.StatusCode {
		h.t.Fatalf("%s %s was not refused: %s", method, path, b)
	}
	strict(h.t, env.Result, &refusal)
	return resp.StatusCode, refusal
}

// answer asks for what must be answered, into a value.
func (h *house) answer(method, path, body string, into any) api.Response {
	h.t.Helper()
	return h.answerAs(h.client, method, path, body, into)
}

func (h *house) answerAs(c *http.Client, method, path, body string, into any) api.Response {
	h.t.Helper()
	_, b := h.askAs(c, method, path, body)
	var env api.Response
	strict(h.t, b, &env)
	if env.Type == api.ErrorType {
		h.t.Fatalf("%s %s was refused: %s", method, path, env.Result)
	}
	if into != nil {
		strict(h.t, env.Result, into)
	}
	return env
}

func strict(t *testing.T, b []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("cannot read %q: %v", b, err)
	}
}
