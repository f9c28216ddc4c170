package page_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/statuspage"
)

// house is a host as a test wants it.
type house struct {
	url    string
	page   *statuspage.Page
	server *httptest.Server
	end    context.CancelFunc // of all requests

	mu     sync.Mutex // guards the rest
	recs   []api.Record
	past   map[string][]api.Transition // newest first
	whys   map[string]api.Why
	silent []string
	expose string
	down   bool
	snap   *healthstate.Snapshot
	hear   []func(api.Transition, api.Record)
}

// newHouse serves the page of an empty house that tells all.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{expose: "full", past: map[string][]api.Transition{}, whys: map[string]api.Why{}}
	h.publish()
	h.page = statuspage.New(statuspage.Options{Health: h, Packages: packages{h}, Host: "harbour-01", Version: "0.1.0"})
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		expose, down := h.expose, h.down
		h.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
		h.page.Serve(w, r, expose)
	}))
	life, end := context.WithCancel(context.Background())
	h.end = end
	h.server.Config.BaseContext = func(net.Listener) context.Context { return life }
	h.server.Start()
	h.url = h.server.URL + "/"
	t.Cleanup(h.close)
	return h
}

// close ends the service of the page, as if pkgd had gone. The streams end
// first: a browser that asks for one again just now would otherwise be waited
// for.
func (h *house) close() {
	h.end()
	h.server.CloseClientConnections()
	h.server.Close()
}

// run keeps the page up to date from now on, and returns when the past of its
// packages is on it, as the page's own events tell. The house is furnished
// before: who comes later has to be told of.
func (h *house) run(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { h.page.Run(t.Context()) })
	t.Cleanup(wg.Wait)
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	events := get(t, ctx, h.url+"events")
	defer events.Close()
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") && h.told(h.html(t, ctx)) {
			return
		}
	}
	t.Fatalf("the events ended before the past was told: %v", lines.Err())
}

// firstEvent is what a stream of events tells at once.
func (h *house) firstEvent(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	events := get(t, ctx, h.url+"events")
	defer events.Close()
	for lines := bufio.NewScanner(events); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data:") {
			return lines.Text()
		}
	}
	t.Fatal("there is no event")
	return ""
}

// told says whether a page has a story for each package that has one.
func (h *house) told(html string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	storied := 0
	for _, rec := range h.recs {
		if _, changed := h.whys[rec.Package]; changed || len(h.past[rec.Package]) > 0 {
			storied++
		}
	}
	return strings.Count(html, "<details") == storied
}

// html is the page as the server draws it.
func (h *house) html(t *testing.T, ctx context.Context) string {
	t.Helper()
	page := get(t, ctx, h.url)
	defer page.Close()
	text, err := io.ReadAll(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func get(t *testing.T, ctx context.Context, url string) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Body
}

// publish makes the next snapshot. The house is locked, or nobody knows it yet.
func (h *house) publish() {
	recs := slices.Clone(h.recs)
	slices.SortFunc(recs, func(a, b api.Record) int { return strings.Compare(a.Package, b.Package) })
	h.snap = healthstate.NewSnapshot(recs, time.Now(), fmt.Sprintf("%q", time.Now()), h.silent)
}

func (h *house) Snapshot() *healthstate.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.snap
}

func (h *house) History(name string, _ int) ([]api.Transition, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.past[name]), nil
}

func (h *house) Subscribe(f func(api.Transition, api.Record)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hear = append(h.hear, f)
	return func() {}
}

type packages struct{ *house }

func (p packages) Why(name string) (api.Why, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.whys[name]
	if !ok {
		return w, &api.Error{Kind: api.ErrNotFound, Message: "nothing has happened"}
	}
	return w, nil
}

func (p packages) Subscribe(func(api.Event)) (cancel func()) { return func() {} }

// has adds a package that has been what past says, the oldest first.
func (h *house) has(name, version string, past ...api.Transition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := "unknown"
	for i := range past {
		past[i].Package, past[i].From = name, from
		from = past[i].To
	}
	slices.Reverse(past)
	h.past[name] = past
	rec := api.Record{Package: name, Version: version, Revision: 1, Status: "unknown"}
	if len(past) > 0 {
		checked := time.Now().Add(-2 * time.Minute)
		rec.Status, rec.Code, rec.Message, rec.Since, rec.CheckedAt = past[0].To, past[0].Code, past[0].Message, &past[0].At, &checked
	} else {
		h.silent = append(h.silent, name)
	}
	h.recs = append(h.recs, rec)
	h.publish()
}

// goes takes a package away.
func (h *house) goes(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recs = slices.DeleteFunc(h.recs, func(r api.Record) bool { return r.Package == name })
	h.publish()
}

// turns makes a package something else now, and tells so.
func (h *house) turns(name, status, code, message string) {
	h.mu.Lock()
	i := slices.IndexFunc(h.recs, func(r api.Record) bool { return r.Package == name })
	now := time.Now()
	t := api.Transition{At: now, Package: name, From: h.recs[i].Status, To: status, Code: code, Message: message}
	h.past[name] = append([]api.Transition{t}, h.past[name]...)
	rec := &h.recs[i]
	rec.Status, rec.Code, rec.Message, rec.Since, rec.CheckedAt = status, code, message, &now, &now
	told, hear := *rec, h.hear
	h.publish()
	h.mu.Unlock()
	for _, f := range hear {
		f(t, told)
	}
}

// answers says whether pkgd answers from now on.
func (h *house) answers(yes bool) {
	h.mu.Lock()
	h.down = !yes
	h.mu.Unlock()
	if !yes {
		h.server.CloseClientConnections()
	}
}

func (h *house) exposes(word string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expose = word
}

// was is a transition of some days ago.
func was(daysAgo float64, status string, words ...string) api.Transition {
	t := api.Transition{At: time.Now().Add(-time.Duration(daysAgo * float64(24*time.Hour))), To: status}
	if len(words) > 0 {
		t.Code, t.Message = words[0], words[1]
	}
	return t
}
