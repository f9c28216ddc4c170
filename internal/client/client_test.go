package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketIn is the path of a socket that the kernel takes.
func socketIn(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// daemon answers on a socket until the test ends.
func daemon(t *testing.T, socket string, h http.HandlerFunc) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
}

func sync(result string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"type":"sync","status-code":200,"result":%s}`, result)
	}
}

func newClient(t *testing.T, socket string) *client.Client {
	c := client.New(socket)
	c.Patience = 10 * time.Millisecond
	t.Cleanup(c.Close)
	return c
}

func TestEveryMethodAsksItsOwnPath(t *testing.T) {
	socket := socketIn(t)
	var asked string
	daemon(t, socket, func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		asked = strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
		fmt.Fprint(w, `{"type":"async","status-code":202,"change":"7"}`)
	})
	c, ctx := newClient(t, socket), t.Context()
	for want, ask := range map[string]func() error{
		"GET /v1/packages":                          func() error { _, err := c.Packages(ctx); return err },
		"GET /v1/packages/a%2Fb":                    func() error { _, err := c.Package(ctx, "a/b"); return err },
		"GET /v1/packages/web/why":                  func() error { _, err := c.Why(ctx, "web"); return err },
		"GET /v1/packages/web/data":                 func() error { _, err := c.Data(ctx, "web"); return err },
		"GET /v1/changes":                           func() error { _, err := c.Changes(ctx); return err },
		"GET /v1/changes/3":                         func() error { _, err := c.Change(ctx, "3"); return err },
		"GET /v1/changes/3/wait":                    func() error { _, err := c.WaitChange(ctx, "3"); return err },
		"GET /v1/health":                            func() error { _, err := c.Health(ctx); return err },
		"GET /v1/health/web":                        func() error { _, err := c.Record(ctx, "web"); return err },
		"GET /v1/health/web/history":                func() error { _, err := c.History(ctx, "web", 0); return err },
		"GET /v1/health/web/history?n=5":            func() error { _, err := c.History(ctx, "web", 5); return err },
		"GET /v1/config/web":                        func() error { _, err := c.Config(ctx, "web", nil); return err },
		"GET /v1/config/web?keys=a%2Cb.c":           func() error { _, err := c.Config(ctx, "web", []string{"a", "b.c"}); return err },
		"GET /v1/services":                          func() error { _, err := c.Services(ctx, nil); return err },
		"GET /v1/services?names=web%2Cdb.main":      func() error { _, err := c.Services(ctx, []string{"web", "db.main"}); return err },
		"GET /v1/warnings":                          func() error { _, err := c.Warnings(ctx); return err },
		"GET /v1/system":                            func() error { _, err := c.System(ctx); return err },
		"GET /v1/debug/state":                       func() error { _, err := c.Debug(ctx, "state"); return err },
		`POST /v1/changes/3 {"action":"abort"}`:     func() error { return c.Abort(ctx, "3") },
		`POST /v1/health {"names":["web"]}`:         func() error { _, err := c.Check(ctx, api.HealthRequest{Names: []string{"web"}}); return err },
		`POST /v1/exec {"package":"web","app":"x"}`: func() error { _, err := c.Exec(ctx, api.ExecRequest{Package: "web", App: "x"}); return err },
		`POST /v1/warnings {"action":"okay","until":"2026-07-29T12:00:00Z"}`: func() error { return c.Okay(ctx, time.Date(2026, 7, 29, 12, 0, 0, 0, time.UTC)) },
		`POST /v1/packages/web/data {"action":"drop","id":"x"}`:              func() error { return c.DataAction(ctx, "web", api.DataRequest{Action: "drop", ID: "x"}) },
		`POST /v1/config/web {"a":null}`:                                     changed(func() (string, error) { return c.SetConfig(ctx, "web", api.ConfigRequest{"a": nil}) }),
		`POST /v1/services {"action":"stop","names":["web"]}`: changed(func() (string, error) {
			return c.ServiceAction(ctx, api.ServiceRequest{Action: "stop", Names: []string{"web"}})
		}),
		`POST /v1/packages {"action":"refresh","targets":["web"]}`: changed(func() (string, error) {
			a, err := c.Do(ctx, api.PackageRequest{Action: "refresh", Targets: []string{"web"}})
			return a.Change, err
		}),
	} {
		if err := ask(); err != nil || asked != want {
			t.Errorf("asked %q, want %q (%v)", asked, want, err)
		}
	}
}

// changed checks that the change's id came through.
func changed(ask func() (string, error)) func() error {
	return func() error {
		if id, err := ask(); err != nil || id != "7" {
			return fmt.Errorf("change %q: %w", id, err)
		}
		return nil
	}
}

func TestRefusalArrivesAsItWasSaid(t *testing.T) {
	socket := socketIn(t)
	daemon(t, socket, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"type":"error","status-code":409,"result":{"kind":"held","message":"package \"web\" is held","hint":"let it go: pkgd unhold web"}}`)
	})
	_, err := newClient(t, socket).Packages(t.Context())
	var refusal *api.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v", err)
	}
	want := &api.Error{Kind: api.ErrHeld, Message: `package "web" is held`, Hint: "let it go: pkgd unhold web"}
	if diff := cmp.Diff(want, refusal); diff != "" {
		t.Error(diff)
	}
}

func TestNonsenseFromTheSocketIsAnError(t *testing.T) {
	for _, body := range []string{"", "hello", `{"type":"error"}`, `{"type":"sync","result":"not a list"}`} {
		socket := socketIn(t)
		daemon(t, socket, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if _, err := newClient(t, socket).Packages(t.Context()); err == nil {
			t.Errorf("%q was understood", body)
		}
	}
}

func TestNobodyThereIsUnreachable(t *testing.T) {
	socket := socketIn(t)
	_, err := newClient(t, socket).Packages(t.Context())
	var gone *client.Unreachable
	if !errors.As(err, &gone) || gone.Lost || gone.Socket != socket {
		t.Fatalf("got %#v", err)
	}
	if want := "cannot reach pkgd on " + socket + ": no such file or directory"; err.Error() != want {
		t.Errorf("it says %q, want %q", err, want)
	}
}

func TestDeadSocketIsUnreachable(t *testing.T) {
	socket := socketIn(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := newClient(t, socket).Packages(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

// The daemon starts when the client begins to wait for it.
func TestClientWaitsForADaemonThatIsJustStarting(t *testing.T) {
	socket := socketIn(t)
	c := client.New(socket)
	defer c.Close()
	c.Patience = time.Minute
	c.Waiting = func() { daemon(t, socket, sync(`[{"name":"web"}]`)) }
	list, err := c.Packages(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "web" {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	c := client.New(socketIn(t))
	c.Patience = time.Minute
	ctx, enough := context.WithCancelCause(t.Context())
	because := errors.New("enough")
	c.Waiting = func() { enough(because) }
	if _, err := c.Packages(ctx); !errors.Is(err, because) {
		t.Errorf("got %v", err)
	}
}

func TestDaemonThatGoesInTheMiddleIsLost(t *testing.T) {
	socket := socketIn(t)
	daemon(t, socket, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	c := newClient(t, socket)
	_, err := c.WaitChange(t.Context(), "1")
	var gone *client.Unreachable
	if !errors.As(err, &gone) || !gone.Lost || !strings.Contains(err.Error(), "went away") {
		t.Errorf("got %v", err)
	}
}

func TestDaemonThatIsBackIsNoticed(t *testing.T) {
	socket := socketIn(t)
	c := newClient(t, socket)
	if err := c.AwaitDaemon(t.Context()); err == nil {
		t.Error("nobody is there")
	}
	daemon(t, socket, sync(`{"version":"1"}`))
	if err := c.AwaitDaemon(t.Context()); err != nil {
		t.Errorf("it is there, but: %v", err)
	}
}

func TestEventsAreHandedOverAsTheyCome(t *testing.T) {
	socket := socketIn(t)
	daemon(t, socket, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, ": a comment\n\nevent: task\ndata: {\"type\":\"task\",\ndata: \"data\":{\"id\":\"1\"}}\n\nevent: health\r\ndata:{\"type\":\"health\"}\r\n\r\n")
	})
	var got []string
	opened := 0
	err := newClient(t, socket).Events(t.Context(), []string{"task", "health"}, func() { opened++ }, func(e api.Event) error {
		got = append(got, e.Type+string(e.Data))
		return nil
	})
	if diff := cmp.Diff([]string{`task{"id":"1"}`, "health"}, got); diff != "" || opened != 1 {
		t.Errorf("opened %d times, %v: %s", opened, err, diff)
	}
}

func TestEventsEndWhenTheirReaderHasEnough(t *testing.T) {
	socket := socketIn(t)
	daemon(t, socket, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "data: {\"type\":\"task\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	enough := errors.New("enough")
	if err := newClient(t, socket).Events(t.Context(), nil, nil, func(api.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestLogsAreLinesAndARefusalIsARefusal(t *testing.T) {
	socket := socketIn(t)
	daemon(t, socket, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("names") == "bad" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"type":"error","status-code":404,"result":{"kind":"not-installed","message":"no such package"}}`)
			return
		}
		fmt.Fprint(w, "{\"line\":\"one\"}\n{\"line\":\"two\"}\n")
	})
	c := newClient(t, socket)
	var got []string
	err := c.Logs(t.Context(), []string{"web"}, 5, true, func(l api.LogLine) error { got = append(got, l.Line); return nil })
	if diff := cmp.Diff([]string{"one", "two"}, got); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	var refusal *api.Error
	if err := c.Logs(t.Context(), []string{"bad"}, 5, false, nil); !errors.As(err, &refusal) {
		t.Errorf("got %v", err)
	}
}
