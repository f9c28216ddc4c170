package public_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/public"
)

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	b := open(t, newHost(), tcp())
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE"} {
		if g := b.ask(method + " /health"); g.StatusCode != 405 || g.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: %d %q", method, g.StatusCode, g.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/livez/", "/Health", "/v1/health", "/readyz/packages", "/..%2f"} {
		if g := b.ask("GET " + path); g.StatusCode != 404 {
			t.Errorf("%s: %d", path, g.StatusCode)
		}
	}
	if g := b.ask("OPTIONS /health"); g.StatusCode != 200 || g.Header.Get("Allow") != "GET, HEAD, OPTIONS" || g.body != "" {
		t.Errorf("OPTIONS: %d %q", g.StatusCode, g.body)
	}
}

func TestHEADTellsTheLengthOfWhatGETGives(t *testing.T) {
	b := open(t, newHost(manyRecords()...), tcp(exposing("full")))
	for _, path := range []string{"/livez", "/readyz?verbose", "/startupz", "/health", "/readyz/packages/no"} {
		get, head := b.ask("GET "+path), b.ask("HEAD "+path)
		if head.ContentLength != int64(len(get.body)) || get.ContentLength != head.ContentLength {
			t.Errorf("%s: HEAD tells %d, GET %d, and gives %d", path, head.ContentLength, get.ContentLength, len(get.body))
		}
	}
	if head := b.ask("HEAD /metrics"); head.ContentLength != -1 {
		t.Errorf("HEAD of metrics, which nobody has counted, tells %d", head.ContentLength)
	}
}

func TestHTTP10WithoutHostIsAnswered(t *testing.T) {
	for _, c := range []config.Config{tcp(), unixSocket(t)} {
		b := open(t, newHost(), c)
		for _, line := range []string{"GET /livez HTTP/1.0", "OPTIONS /livez HTTP/1.0", "HEAD /health HTTP/1.0"} {
			if got := b.say(line + "\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 200 OK\r\n") {
				t.Errorf("%s: %q", line, got)
			}
		}
	}
}

func TestPageIsToldWhatItMayTell(t *testing.T) {
	for expose, paths := range map[string][]string{"counts": {"/", "/events"}, "full": {"/page/style.css"}} {
		for _, path := range paths {
			if g := open(t, newHost(), tcp(exposing(expose))).ask("GET " + path); g.body != path+" for who may know "+expose {
				t.Errorf("%s: %q", path, g.body)
			}
		}
	}
}

func TestOnlyAllowedNetworksMayAsk(t *testing.T) {
	allow := func(prefix string) func(*config.Listener) {
		return func(l *config.Listener) { l.Allow = []netip.Prefix{netip.MustParsePrefix(prefix)} }
	}
	if g := open(t, newHost(), tcp(allow("127.0.0.0/8"))).ask("GET /livez"); g.StatusCode != 200 {
		t.Errorf("allowed: %d", g.StatusCode)
	}
	if g := open(t, newHost(), tcp(allow("192.0.2.0/24"))).ask("GET /livez"); g.StatusCode != 403 || g.body != "not from your address\n" {
		t.Errorf("not allowed: %d %q", g.StatusCode, g.body)
	}
}

func TestRequestsThatAProxyPassedOnAreRefusedWhereAsked(t *testing.T) {
	ignoring := open(t, newHost(), tcp(func(l *config.Listener) { l.IgnoreProxied = true }))
	for _, header := range []string{"X-Forwarded-For: 1.2.3.4", "x-forwarded-proto: https", "Forwarded: for=1.2.3.4"} {
		if g := ignoring.ask("GET /livez", header); g.StatusCode != 403 {
			t.Errorf("%s: %d", header, g.StatusCode)
		}
	}
	if g := ignoring.ask("GET /livez"); g.StatusCode != 200 {
		t.Errorf("direct: %d", g.StatusCode)
	}
	if g := open(t, newHost(), tcp()).ask("GET /livez", "X-Forwarded-For: 1.2.3.4"); g.StatusCode != 200 {
		t.Errorf("not asked: %d", g.StatusCode)
	}
}

func TestAddressInUseIsAnErrorThatNamesIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHost()
	s := public.New(h.options())
	err = s.Open(one("tcp://" + l.Addr().String()))
	if err == nil || !strings.HasPrefix(err.Error(), "cannot answer health probes at tcp://"+l.Addr().String()+": ") {
		t.Errorf("got %v", err)
	}
}

func TestPlacesFollowANewConfiguration(t *testing.T) {
	h := newHost(record("web", "active"))
	first := unixSocket(t)
	b := open(t, h, first)
	path := strings.TrimPrefix(first.Listen[0].URL, "unix://")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Fatalf("%v %v", info, err)
	}
	narrower := first
	narrower.Listen = []config.Listener{{URL: first.Listen[0].URL, Expose: "counts"}}
	if err := b.server.Open(narrower); err != nil {
		t.Fatal(err)
	}
	if g := b.ask("GET /readyz/packages/web"); g.StatusCode != 404 {
		t.Errorf("still exposes all: %d", g.StatusCode)
	}
	if err := b.server.Open(tcp()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket of the place that went is still there")
	}
	if g := b.ask("GET /livez"); g.StatusCode != 200 {
		t.Errorf("the new place: %d", g.StatusCode)
	}
	if err := b.stop(); err != nil {
		t.Errorf("closing a place was taken for a failure: %v", err)
	}
}

func TestServerEndsWithAnErrorAndIsNotReadyWhenAPlaceFails(t *testing.T) {
	h := newHost()
	s := public.New(h.options())
	c := unixSocket(t)
	if err := s.Open(c); err != nil {
		t.Fatal(err)
	}
	s.Break()
	if err := s.Serve(context.Background()); err == nil || !strings.HasPrefix(err.Error(), "cannot go on answering at "+c.Listen[0].URL+": ") {
		t.Errorf("got %v", err)
	}
	if s.Ready() {
		t.Error("is still ready")
	}
}

func TestAgentSaysBothWords(t *testing.T) {
	h := newHost()
	c := config.Defaults()
	c.AgentListen = "tcp://127.0.0.1:0"
	b := open(t, h, c)
	for b.say("") != "ready up 100%\n" { // until the service manager has been asked
	}
	for _, row := range []struct {
		status, want string
	}{{"active", "ready up 100%\n"}, {"waiting", "ready down #degraded\n"}, {"error", "ready fail #fault\n"}} {
		h.set([]api.Record{record("web", row.status)})
		for _, sent := range []string{"", "hello from haproxy\n"} {
			if got := b.say(sent); got != row.want {
				t.Errorf("%s: %q", row.status, got)
			}
		}
	}
	h.set([]api.Record{record("web", "active")})
	b.server.End("pkgd is stopping")
	if got := b.say(""); got != "drain up 100%\n" {
		t.Errorf("got %q", got)
	}
}

func TestAgentThatIsNotReadFromHoldsNothingUp(t *testing.T) {
	c := config.Defaults()
	c.AgentListen = "tcp://127.0.0.1:0"
	b := open(t, newHost(), c)
	held, err := b.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := io.ReadFull(held, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := b.stop(); err != nil {
		t.Error(err)
	}
}
