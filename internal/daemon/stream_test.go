package daemon_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
)

// listenTo opens a stream and gives its lines.
func (h *house) listenTo(c *http.Client, path, accept string) (lines *bufio.Reader, leave func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://pkgd"+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := c.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s", path, resp.Status)
	}
	return bufio.NewReader(resp.Body), func() { cancel(); resp.Body.Close() }
}

// event reads one server-sent event.
func (h *house) event(lines *bufio.Reader) (name string, ev api.Event) {
	h.t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			h.t.Fatal(err)
		}
		if line == "\n" {
			return name, ev
		}
		if text, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(text)
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			strict(h.t, []byte(text), &ev)
		}
	}
}

func TestEventsArriveInOrderAndAsDescribed(t *testing.T) {
	f := newFake()
	h := startWith(t, f, nil)
	lines, leave := h.listenTo(h.client, "/v1/events", "text/event-stream")
	defer leave()
	now := time.Now()
	f.happen(api.Event{Type: "change", At: now, Data: json.RawMessage(`{"id":"7","kind":"k","summary":"s","status":"Do","ready":false,"spawned-at":"2024-05-01T00:00:00Z","ready-at":null}`)})
	f.turn(api.Transition{At: now, Package: "web", From: "active", To: "error"})
	d := readDocument(t)
	for _, want := range []string{"change", "health"} {
		name, ev := h.event(lines)
		if name != want || ev.Type != want {
			t.Errorf("got %s %s, want %s", name, ev.Type, want)
		}
		b, _ := json.Marshal(ev)
		var v any
		_ = json.Unmarshal(b, &v)
		if wrong := d.check(d.at("components", "schemas", "Event"), v, "event"); wrong != "" {
			t.Error(wrong)
		}
	}
}

func TestOnlyTheEventsAskedForArrive(t *testing.T) {
	f := newFake()
	h := startWith(t, f, nil)
	lines, leave := h.listenTo(h.client, "/v1/events?types=health", "")
	defer leave()
	f.happen(api.Event{Type: "task", Data: json.RawMessage(`{}`)})
	f.turn(api.Transition{Package: "web"})
	if name, _ := h.event(lines); name != "health" {
		t.Errorf("got %s", name)
	}
}

func TestListenerThatDoesNotReadIsDroppedAndHoldsNobodyUp(t *testing.T) {
	f := newFake()
	h := startWith(t, f, nil)
	lines, leave := h.listenTo(h.client, "/v1/events", "")
	defer leave()
	// More than the backlog and both sockets' buffers take.
	big := strings.Repeat("x", 8192)
	for range 10 * daemon.Backlog {
		f.turn(api.Transition{Message: big}) // would wait here for ever
	}
	// In the midst of an event, where it could not even be told so in time.
	if _, err := io.Copy(io.Discard, lines); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream did not end: %v", err)
	}
}

func TestWaitingAnswersWhenTheChangeIsReady(t *testing.T) {
	f := newFake()
	ready := make(chan struct{})
	f.wait = func(ctx context.Context, id string) (api.Change, error) {
		select {
		case <-ctx.Done():
			return api.Change{}, ctx.Err()
		case <-ready:
			return api.Change{ID: id, Ready: true}, nil
		}
	}
	f.made.one = api.Change{ID: "7"}
	h := startWith(t, f, nil)
	var chg api.Change
	h.answer("GET", "/v1/changes/7/wait?timeout=0.01", "", &chg)
	if chg.Ready || chg.ID != "7" {
		t.Errorf("after the timeout: %+v", chg)
	}
	close(ready)
	h.answer("GET", "/v1/changes/7/wait", "", &chg)
	if !chg.Ready {
		t.Errorf("got %+v", chg)
	}
}

// waiting is a fake on which everybody waits until told not to.
func waiting(f *fake) (begun, ended chan struct{}) {
	begun, ended = make(chan struct{}), make(chan struct{})
	f.wait = func(ctx context.Context, _ string) (api.Change, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return api.Change{}, ctx.Err()
	}
	return begun, ended
}

func TestWaitingEndsWhenTheClientGoes(t *testing.T) {
	f := newFake()
	begun, ended := waiting(f)
	h := startWith(t, f, nil)
	c, err := net.Dial("unix", h.dirs.AdminSocket())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /v1/changes/7/wait HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	c.Close()
	<-ended
}

func TestWaitingIsToldWhenTheDaemonStops(t *testing.T) {
	f := newFake()
	begun, _ := waiting(f)
	h := startWith(t, f, nil)
	stopped := make(chan error, 1)
	go func() {
		<-begun
		stopped <- h.stop()
	}()
	if status, refusal := h.refused("GET", "/v1/changes/7/wait", ""); status != 503 || refusal.Kind != api.ErrStopping {
		t.Errorf("%d %v", status, refusal)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestLogsAreMergedByTimeAndCut(t *testing.T) {
	f := newFake()
	at := func(s int) time.Time { return time.Date(2024, 5, 1, 0, 0, s, 0, time.UTC) }
	f.made.services = []api.Service{{Package: "db", Name: "srv"}, {Package: "web", Name: "srv"}}
	f.made.lines = []api.LogLine{
		{At: at(1), Package: "db", Service: "srv", Line: "one"},
		{At: at(3), Package: "db", Service: "srv", Line: "three"},
		{At: at(2), Package: "web", Service: "srv", Line: "two"},
	}
	h := startWith(t, f, nil)
	_, b := h.ask("GET", "/v1/logs?n=2", "")
	var got []string
	for line := range strings.Lines(string(b)) {
		var l api.LogLine
		strict(t, []byte(line), &l)
		got = append(got, l.Line)
	}
	if diff := cmp.Diff([]string{"two", "three"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFollowingLogsMissesAndRepeatsNothing(t *testing.T) {
	f := newFake()
	at := func(s int) time.Time { return time.Date(2024, 5, 1, 0, 0, s, 0, time.UTC) }
	f.made.services = []api.Service{{Package: "web", Name: "srv"}}
	line := func(s int, text string) api.LogLine {
		return api.LogLine{At: at(s), Package: "web", Service: "srv", Line: text}
	}
	f.made.lines = []api.LogLine{line(1, "one"), line(2, "two"), line(2, "again two")}
	f.between = []api.LogLine{line(2, "still two"), line(3, "three")}
	h := startWith(t, f, nil)
	lines, leave := h.listenTo(h.client, "/v1/logs?follow&n=2", "")
	defer leave()
	for _, want := range []string{"two", "again two", "still two", "three"} {
		got, err := lines.ReadString('\n')
		if err != nil || !strings.Contains(got, `"line":"`+want+`"`) {
			t.Fatalf("want %q, got %q %v", want, got, err)
		}
	}
}

func TestLogsAreFollowedInTheFormAskedFor(t *testing.T) {
	f := newFake()
	f.made.services = []api.Service{{Package: "web", Name: "srv"}}
	h := startWith(t, f, nil)
	for accept, want := range map[string]string{
		"":                  `{"at":"2024-05-01T00:00:00Z","package":"web","service":"srv","line":"a<b"}`,
		"text/event-stream": "event: log",
	} {
		lines, leave := h.listenTo(h.client, "/v1/logs?follow", accept)
		f.follow <- api.LogLine{At: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), Package: "web", Service: "srv", Line: "a<b"}
		got, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%q: got %q %v", accept, got, err)
		}
		leave()
	}
}
