package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
)

// fakeDaemon answers on an admin socket what a test puts there, and remembers
// what it was asked.
type fakeDaemon struct {
	t      *testing.T
	root   string
	server *httptest.Server

	mu      sync.Mutex        // guards what follows
	answers map[string]string // "GET /v1/health" to a result, an envelope or lines
	asked   []string          // "POST /v1/packages {...}"
	release chan struct{}     // where set, waits for a change last until it is closed
	drops   int               // so many waits for a change end without an answer
	gone    func()            // where set, called before one does
}

func newFakeDaemon(t *testing.T) *fakeDaemon {
	t.Helper()
	d := &fakeDaemon{t: t, root: shortDir(t), answers: map[string]string{}}
	places, err := dirs.New(d.root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(places.AdminSocket()), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", places.AdminSocket())
	if err != nil {
		t.Fatal(err)
	}
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(d.serve))
	d.server.Listener.Close()
	d.server.Listener = l
	d.server.Start()
	t.Cleanup(func() {
		d.server.CloseClientConnections()
		d.server.Close()
	})
	return d
}

// answer sets what is said to a request, named by method, path and query.
func (d *fakeDaemon) answer(request, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[request] = body
}

func (d *fakeDaemon) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

func (d *fakeDaemon) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := r.Method + " " + r.URL.RequestURI()
	d.mu.Lock()
	if r.Method != http.MethodGet {
		d.asked = append(d.asked, name+" "+string(body))
	}
	text, known := d.answers[name]
	release := d.release
	drop := strings.HasSuffix(name, "/wait") && d.drops > 0
	if drop {
		d.drops--
	}
	d.mu.Unlock()
	switch {
	case drop:
		if d.gone != nil {
			d.gone()
		}
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(name, "GET /v1/events"):
		d.stream(w, r, text)
		return
	case strings.HasPrefix(name, "GET /v1/logs"):
		fmt.Fprint(w, text)
		return
	case strings.HasSuffix(name, "/wait") && release != nil:
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
	}
	if !known {
		text = fmt.Sprintf(`{"kind":"not-found","message":"the test has no answer to %s"}`, name)
	}
	respond(w, text)
}

// stream sends events, and stays until the client goes.
func (d *fakeDaemon) stream(w http.ResponseWriter, r *http.Request, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, text)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// respond puts a body into the envelope: a refusal where it has a kind, what
// began a change where it is an envelope itself.
func respond(w http.ResponseWriter, text string) {
	var refusal api.Error
	env := api.Response{Type: api.Sync, StatusCode: 200, Result: json.RawMessage(text)}
	if json.Unmarshal([]byte(text), &refusal) == nil && refusal.Kind != "" && refusal.Message != "" {
		env.Type, env.StatusCode = api.ErrorType, refusal.Kind.HTTPStatus()
	}
	var whole api.Response
	if json.Unmarshal([]byte(text), &whole) == nil && whole.Type != "" {
		env = whole
	}
	if env.StatusCode != 0 {
		w.WriteHeader(env.StatusCode)
	}
	_ = json.NewEncoder(w).Encode(env)
}
