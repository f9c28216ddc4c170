package reportstate_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/reportstate"
	"pkgd.io/pkgd/overlord/state"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PKGD_TEST_DOOMED"); dir != "" {
		doomed(dir, os.Getenv("PKGD_TEST_COLLECTOR"))
	}
	goleak.VerifyTestMain(m)
}

// collector answers exchanges as answer says, and remembers what it took. It is
// an http.Handler for real servers, and an http.RoundTripper for virtual time.
type collector struct {
	answer func(n int, e api.Exchange, w http.ResponseWriter) // n counts from 0; nil: takes all

	mu        sync.Mutex // guards what follows
	exchanges []api.Exchange
	requests  []*http.Request
	at        []time.Time
	seen      chan struct{} // closed when something was added
}

func newCollector(answer func(n int, e api.Exchange, w http.ResponseWriter)) *collector {
	return &collector{answer: answer, seen: make(chan struct{})}
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, err := decode(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	c.mu.Lock()
	n := len(c.exchanges)
	c.exchanges, c.requests, c.at = append(c.exchanges, e), append(c.requests, r), append(c.at, time.Now())
	close(c.seen)
	c.seen = make(chan struct{})
	c.mu.Unlock()
	if c.answer != nil {
		c.answer(n, e, w)
		return
	}
	fmt.Fprint(w, "{}")
}

func decode(r *http.Request) (e api.Exchange, err error) {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return e, err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return e, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return e, d.Decode(&e)
}

// RoundTrip serves a request without a network.
func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// got gives what arrived so far, and a channel that is closed when there is more.
func (c *collector) got() ([]api.Exchange, []time.Time, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]api.Exchange(nil), c.exchanges...), append([]time.Time(nil), c.at...), c.seen
}

// until waits for exchanges that satisfy ok.
func (c *collector) until(t testing.TB, ok func([]api.Exchange) bool) []api.Exchange {
	t.Helper()
	patience := time.After(30 * time.Second)
	for {
		all, _, more := c.got()
		if ok(all) {
			return all
		}
		select {
		case <-more:
		case <-patience:
			t.Fatalf("never came; got %d exchanges with %d reports", len(all), len(reports(all)))
		}
	}
}

// reports lists all reports that arrived, in order.
func reports(all []api.Exchange) (list []api.Report) {
	for _, e := range all {
		list = append(list, e.Reports...)
	}
	return list
}

func told(n int) func([]api.Exchange) bool {
	return func(all []api.Exchange) bool { return len(reports(all)) >= n }
}

// key names a report.
func key(r api.Report) string { return fmt.Sprintf("%s/%d", r.Boot, r.Sequence) }

// house is a host with a manager and its state.
type house struct {
	*reportstate.Manager
	t     testing.TB
	st    *state.State
	path  string
	o     reportstate.Options
	fleet config.Fleet
}

func build(t testing.TB, o reportstate.Options, f config.Fleet) *house {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &house{t: t, path: filepath.Join(dir, "state.db"), o: o, fleet: f}
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *house) open() {
	h.t.Helper()
	st, err := state.Open(h.path, state.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.st = st
	h.Manager = reportstate.NewManager(options(st, h.o))
	h.Configure(h.fleet)
}

func options(st *state.State, o reportstate.Options) reportstate.Options {
	o.State, o.Version, o.Log = st, "1.2.3", slog.New(slog.DiscardHandler)
	o.Host = func() api.Health { return api.Health{Level: "OK", Counts: map[string]int{"active": 1}} }
	o.Digest = func(name string, rev int) string { return fmt.Sprintf("sha256:%s-%d", name, rev) }
	return o
}

func (h *house) close() {
	h.Stop()
	if err := h.st.Close(); err != nil {
		h.t.Error(err)
	}
}

// reopen is a restart of pkgd.
func (h *house) reopen() {
	h.t.Helper()
	h.close()
	h.open()
}

// ends lets a change end for a package.
func (h *house) ends(why api.Why) {
	h.st.Lock()
	defer h.st.Unlock()
	why.At = time.Now()
	if why.Kind == "" {
		why.Kind = "refresh"
	}
	h.Outcome(why)
}

// runs lets the package's hook say something at rest.
func (h *house) runs(name, status, code string) {
	h.Run(record(name, status, code), "rest")
}

func record(name, status, code string) api.Record {
	now := time.Now()
	return api.Record{
		Package: name, Revision: 1, Version: "1.0", Status: status, Code: code, Since: &now, CheckedAt: &now,
		Blockers: []string{}, Checks: []api.Check{}, Source: "hook",
	}
}

var refreshed = api.Why{
	Change: "7", Package: "web", From: 1, To: 2, FromVersion: "1.0", ToVersion: "2.0", Current: 1,
	Rule: "active-to-error", Outcome: api.OutcomeReverted, HookOutput: "password=secret", Path: "/home/admin/web",
}
