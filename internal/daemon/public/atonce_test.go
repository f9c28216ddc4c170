package public_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/public"
)

// pipes is a listener whose connections are in memory: what is written at once is
// read at once, and time is the bubble's.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// scene is a host, and a place at which somebody asks.
type scene struct {
	set    func(h *host)
	rules  config.Listener
	expose string
}

// heard is what came of a conversation.
type heard struct {
	answer string
	lasted time.Duration // until the server hung up
	quick  int           // answers given at once
}

// hear has each of the conversations, an hour after the other and the first at the
// same time always, with a server that answers at once what it can, or not.
func hear(t *testing.T, sc scene, atOnce bool, texts ...string) (all []heard) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(manyRecords()...)
		if sc.set != nil {
			sc.set(h)
		}
		s, l := public.New(h.options()), &pipes{come: make(chan net.Conn), closed: make(chan struct{})}
		var quick atomic.Int32
		answered := func() { quick.Add(1) }
		if !atOnce {
			answered = nil
		}
		ended := make(chan error)
		go func() { ended <- s.ServeOn(l, sc.rules, sc.expose, answered) }()
		for _, text := range texts {
			next := time.After(time.Hour)
			before := quick.Load()
			one := l.converse(text)
			one.quick = int(quick.Load() - before)
			all = append(all, one)
			<-next
		}
		_ = l.Close()
		s.Stop()
		<-ended
	})
	return all
}

// converse sends what is divided by "|" part by part, and hears what comes back.
func (p *pipes) converse(text string) heard {
	client, server := net.Pipe()
	defer client.Close()
	begun := time.Now()
	p.come <- server
	go func() {
		for part := range strings.SplitSeq(text, "|") {
			if part != "" { // which would be a read of nothing
				_, _ = io.WriteString(client, part) // a refusal may come before the end
			}
		}
	}()
	answer, _ := io.ReadAll(client)
	return heard{answer: string(answer), lasted: time.Since(begun)}
}

const get = "GET /livez HTTP/1.1\r\nHost: pkgd\r\n\r\n"

func with(header string) string { return strings.TrimSuffix(get, "\r\n") + header + "\r\n\r\n" }

// conversations are requests, what comes at a time divided by "|", and how many of
// them are answered at once.
var conversations = []struct {
	text  string
	quick int
}{
	{get, 1},
	{strings.Replace(get, "GET", "HEAD", 1), 1},
	{strings.Replace(get, "livez", "healthz", 1), 1},
	{strings.Replace(get, "livez", "health", 1), 1},
	{strings.Replace(get, "GET /livez", "HEAD /health", 1), 1},
	{get + "|" + get + "|" + strings.Replace(get, "livez", "health", 1) + "|" + get, 4},
	{with("User-Agent: curl/7.88.1\r\nAccept: */*"), 1},
	{with("User-Agent: \"quoted\" (and, odd; :)"), 1},
	{with("user-agent:none"), 1},
	{with("User-Agent:"), 1},
	{with("Accept-Encoding: gzip"), 1},
	{with("Connection: keep-alive"), 1},
	{with("CONNECTION:   Keep-Alive   "), 1},
	{"GET /livez HTTP/1.1\r\nhOST: [::1]:8092\r\n\r\n", 1},

	// In parts, or with more behind.
	{get[:1] + "|" + get[1:], 0},
	{get[:25] + "|" + get[25:], 0},
	{get[:len(get)-1] + "|" + get[len(get)-1:], 0},
	{get[:len(get)-1], 0},
	{"", 0},
	{get + "|" + get[:2] + "|" + get[2:] + "|" + get, 1},
	{get + "|" + get[:30], 1},
	{get + "|G", 1},
	{get + get, 0},
	{get + get + "|" + get, 0},
	{get + "x", 0},
	{"x|" + get, 0},
	{"\r\n|" + get, 0},
	{get + "\r\n|" + get, 0},
	{get + "|\r\n|" + get, 1},

	// Another first line.
	{strings.Replace(get, "1.1", "1.0", 1), 0},
	{strings.Replace(get, "1.1", "1.2", 1), 0},
	{strings.Replace(get, "1.1", "2.0", 1), 0},
	{strings.Replace(get, "HTTP", "http", 1), 0},
	{strings.Replace(get, "GET", "get", 1), 0},
	{strings.Replace(get, "GET", "OPTIONS", 1), 0},
	{strings.Replace(get, "GET", "POST", 1), 0},
	{strings.Replace(get, "GET", "BREW", 1), 0},
	{strings.Replace(get, "/livez", "/livez?verbose", 1), 0},
	{strings.Replace(get, "/livez", "/livez?", 1), 0},
	{strings.Replace(get, "/livez", "/livez#", 1), 0},
	{strings.Replace(get, "/livez", "/live%7a", 1), 0},
	{strings.Replace(get, "/livez", "//livez", 1), 0},
	{strings.Replace(get, "/livez", "http://pkgd/livez", 1), 0},
	{strings.Replace(get, "/livez", "/readyz", 1), 0},
	{strings.Replace(get, "/livez", "/metrics/", 1), 0},
	{strings.Replace(get, "/livez", "/health?warn=9", 1), 0},
	{strings.Replace(get, " HTTP", "  HTTP", 1), 0},
	{strings.Replace(get, " HTTP", "\tHTTP", 1), 0},
	{"GET /livez\r\n\r\n", 0},
	{" " + get, 0},

	// Hosts.
	{"GET /livez HTTP/1.1\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\nHost:\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\nHost: a@b\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\nHost : a\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\n Host: a\r\n\r\n", 0},
	{"GET /livez HTTP/1.1\r\nHo\u017ft: a\r\n\r\n", 0},
	{with("Host: pkgd"), 0},

	// Headers that mean something, or are none.
	{with("Connection: close"), 0},
	{with("Connection: keep-alive, close"), 0},
	{with("Connection: upgrade\r\nUpgrade: h2c"), 0},
	{with("Accept: application/json"), 0},
	{with("Accept: */*;q=0"), 0},
	{strings.Replace(with("Accept: text/html"), "livez", "health", 1), 0},
	{strings.Replace(with("If-None-Match: *"), "livez", "health", 1), 0},
	{with("Content-Length: 0"), 0},
	{with("Content-Length: 5") + "hello", 0},
	{with("Content-Length: 5") + "|" + get, 0},
	{with("Transfer-Encoding: chunked") + "0\r\n\r\n", 0},
	{with("Expect: 100-continue"), 0},
	{with("X-Forwarded-For: 1.2.3.4"), 0},
	{with("Forwarded: for=1.2.3.4"), 0},
	{with("X-Other: 1"), 0},
	{with("User-Agent"), 0},
	{with(": nobody"), 0},
	{with("User-Agent: a\r\n b"), 0},
	{with("User-Agent: a\tb"), 0},
	{with("User-Agent: \x00"), 0},
	{with("User-Agent: \x7f"), 0},
	{with("User-Agent: \u00fcber"), 0},
	{with("User-Agent: a\rb"), 0},
	{with("User-Agent: a\nConnection: close"), 0},
	{strings.ReplaceAll(get, "\r\n", "\n"), 0},
	{strings.Replace(get, "\r\n\r\n", "\r\n\n", 1), 0},
	{strings.Replace(get, "\r\n\r\n", "\n\r\n", 1), 0},
	{with("User-Agent: " + strings.Repeat("x", 5000)), 0},
	{with("X: " + strings.Repeat("x", 80<<10)), 0},
	{with(strings.Repeat("User-Agent: x\r\n", 100) + "Accept: */*"), 1},
}

// scenes are those in which it matters who asks, and when.
var scenes = map[string]scene{
	"well":            {expose: "counts"},
	"named":           {expose: "names"},
	"told in full":    {expose: "full"},
	"a package ill":   {expose: "full", set: func(h *host) { h.set([]api.Record{record("web", "error"), record("sql", "active")}) }},
	"degraded":        {expose: "counts", set: func(h *host) { h.set([]api.Record{record("web", "waiting")}) }},
	"without one":     {expose: "counts", set: func(h *host) { h.set(nil) }},
	"without proxies": {expose: "counts", rules: config.Listener{IgnoreProxied: true}},
}

func TestWhoeverAnswersProbesSaysTheSame(t *testing.T) {
	var texts []string
	for _, c := range conversations {
		texts = append(texts, c.text)
	}
	for name, sc := range scenes {
		quick, slow := hear(t, sc, true, texts...), hear(t, sc, false, texts...)
		for i, c := range conversations {
			compareHeard(t, c.text, quick[i], slow[i])
			if quick[i].quick != c.quick {
				t.Errorf("%s: %.300q: %d answers at once, want %d", name, c.text, quick[i].quick, c.quick)
			}
		}
	}
}

// badRequest is what net/http says to who stops amid a head.
const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

// compareHeard wants the same bytes, and that nobody holds a connection for longer.
// To net/http a connection asks nothing until four bytes of a further request have
// come, and it hangs up without a word; after an answer at once a head begins with
// the first.
func compareHeard(t *testing.T, text string, quick, slow heard) {
	t.Helper()
	if quick.lasted < slow.lasted {
		quick.answer = strings.TrimSuffix(quick.answer, badRequest)
	}
	if quick.answer != slow.answer {
		t.Errorf("%.999q:\nat once  %.999q\nnet/http %.999q", text, quick.answer, slow.answer)
	}
	if quick.lasted > slow.lasted {
		t.Errorf("%.999q: hung up after %v, by net/http after %v", text, quick.lasted, slow.lasted)
	}
}

// manyRecords are so many that net/http would cut an answer that tells of them
// into chunks.
func manyRecords() (all []api.Record) {
	for _, letter := range "abcdefghijklmnopqrstuvwxyz" {
		all = append(all, record("package-"+string(letter), "active"))
	}
	return all
}

func TestNothingIsAnsweredAtOnceWhereOnlySomeMayAsk(t *testing.T) {
	others := scene{expose: "counts", rules: config.Listener{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
	if one := hear(t, others, true, get)[0]; one.quick > 0 || !strings.HasPrefix(one.answer, "HTTP/1.1 403 Forbidden\r\n") {
		t.Errorf("%d at once: %q", one.quick, one.answer)
	}
}

func TestALoopThatHangsIsToldByTheOneWhoCanSayMore(t *testing.T) {
	stuck := scene{expose: "full", set: func(h *host) { h.late.Store(int64(time.Minute)) }}
	one := hear(t, stuck, true, get)[0]
	if one.quick > 0 || !strings.HasPrefix(one.answer, "HTTP/1.1 503 ") || !strings.Contains(one.answer, "[-]loop failed: has not turned for 60 s") {
		t.Errorf("%d at once: %q", one.quick, one.answer)
	}
}

// FuzzProbesAtOnce has conversations with a server that answers at once what it can
// and with one where net/http answers all: they say the same.
func FuzzProbesAtOnce(f *testing.F) {
	for _, c := range conversations {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sc := scenes["told in full"]
		compareHeard(t, text, hear(t, sc, true, text)[0], hear(t, sc, false, text)[0])
	})
}
