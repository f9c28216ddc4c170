package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/daemon/socket"
	"pkgd.io/pkgd/internal/dirs"
)

// leaver is a client that goes as soon as a stream has begun.
type leaver struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l leaver) Flush() { l.leave() }

// FuzzAdminRequest takes whole requests as they come over the socket, from who may
// do everything and from who may do nothing. Each is answered in an envelope, no
// refusal is a bug of pkgd or longer than a line, and who may do nothing has had
// nothing done.
func FuzzAdminRequest(f *testing.F) {
	for _, route := range daemon.Routes() {
		path := strings.NewReplacer("{name}", "web", "{id}", "7", "{what}", "state").Replace(route.Path)
		f.Add([]byte(route.Method+" "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"), true)
	}
	for id, body := range bodies {
		f.Add([]byte("POST /v1/"+id+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"+body), true)
	}
	f.Add([]byte("POST /v1/packages HTTP/1.1\r\nHost: x\r\nContent-Length: 37\r\n\r\n"+bodies["changePackages"]), false)
	f.Add([]byte("GET /v1/logs?names=web.a,b&n=3&follow=true HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"), true)
	f.Add([]byte("GET /v1/changes/%0a/wait?timeout=1e9 HTTP/1.1\r\nHost: x\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, raw []byte, admin bool) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		made := newFake()
		made.made.config = json.RawMessage("{}")
		made.made.records = []api.Record{{Package: "web", Status: "active"}}
		o := made.options(shared(t))
		peer := &socket.Peer{UID: 65534, GID: 65534}
		if admin {
			peer.UID, peer.GID = 0, 0
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		w := leaver{httptest.NewRecorder(), leave}
		daemon.NewFor(o).ServeAs(peer, w, r.WithContext(ctx))
		checkEnvelope(t, w.ResponseRecorder)
		for _, note := range made.notes() {
			if !admin && !strings.HasPrefix(note, "history ") {
				t.Errorf("was done for nobody: %s", note)
			}
		}
	})
}

func checkEnvelope(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Header().Get("Content-Type") != "application/json" {
		if w.Code != 200 {
			t.Errorf("%d of %s", w.Code, w.Header())
		}
		return // a stream
	}
	var env api.Response
	if err := json.Unmarshal(w.Body.Bytes(), &env); err != nil || env.StatusCode != w.Code {
		t.Fatalf("%d: %v: %s", w.Code, err, w.Body)
	}
	if env.Type != api.ErrorType {
		return
	}
	var e api.Error
	if err := json.Unmarshal(env.Result, &e); err != nil {
		t.Fatal(err)
	}
	if e.Kind == api.ErrInternal || e.Message == "" || strings.ContainsAny(e.Message+e.Hint, "\n\r\x1b\x00") {
		t.Errorf("%+q", e)
	}
}

// shared is a root on which nothing is ever written.
func shared(t *testing.T) dirs.Dirs {
	t.Helper()
	d, err := dirs.New("/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
