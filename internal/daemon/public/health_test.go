package public_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
)

func TestHealthGoesWithTheHostsLevel(t *testing.T) {
	half := 0.5
	slow := record("web", "active")
	slow.QoS = &half
	for _, row := range []struct {
		records       []api.Record
		query         string
		code          int
		status, level string
	}{
		{nil, "", 200, "pass", "UNKNOWN"},
		{[]api.Record{record("web", "active")}, "", 200, "pass", "OK"},
		{[]api.Record{record("web", "active")}, "?warn=503", 200, "pass", "OK"},
		{[]api.Record{record("web", "waiting")}, "", 200, "warn", "DEGRADED"},
		{[]api.Record{slow}, "?warn=429", 429, "warn", "DEGRADED"},
		{[]api.Record{slow}, "?warn=503", 503, "warn", "DEGRADED"},
		{[]api.Record{record("web", "error")}, "?warn=429", 503, "fail", "FAULT"},
	} {
		b := open(t, newHost(row.records...), tcp())
		g := b.ask("GET /health" + row.query)
		var body struct {
			Status  string
			Summary struct{ Level string }
		}
		if err := json.Unmarshal([]byte(g.body), &body); err != nil {
			t.Fatal(err)
		}
		if g.StatusCode != row.code || body.Status != row.status || body.Summary.Level != row.level {
			t.Errorf("%v%s: %d %s", row.records, row.query, g.StatusCode, g.body)
		}
		wantCache := "no-store"
		if row.status == "pass" {
			wantCache = "max-age=5"
		}
		if got := g.Header.Get("Cache-Control"); got != wantCache {
			t.Errorf("%s: Cache-Control %q", row.status, got)
		}
	}
	if g := open(t, newHost(), tcp()).ask("GET /health?warn=500"); g.StatusCode != 400 {
		t.Errorf("%d", g.StatusCode)
	}
}

func sick() *host {
	web := record("web", "error")
	web.Code, web.Message, web.Version = "disk-full", "No space on /srv/secret", "9.9"
	web.Checks = []api.Check{{Name: "disk", Health: "fail", Message: "0 bytes"}, {Name: "port", Health: "passed"}}
	h := newHost()
	h.set([]api.Record{record("db", "active"), record("silent", "unknown"), web}, "silent")
	return h
}

func TestWhatIsToldIsWhatMayBeKnownAndNoMore(t *testing.T) {
	const counts = `{"status":"fail","summary":{"level":"FAULT","packages":2,"counts":{"active":1,"blocked":0,"error":1,"maintenance":0,"unknown":0,"waiting":0},"stale":0,"oldest-check":"2024-05-01T12:00:00Z"}}` + "\n"
	const names = `{"status":"fail","releaseId":"7.7.7","summary":{"level":"FAULT","packages":2,"counts":{"active":1,"blocked":0,"error":1,"maintenance":0,"unknown":0,"waiting":0},"stale":0,"oldest-check":"2024-05-01T12:00:00Z"},` +
		`"checks":{"db":[{"componentType":"component","observedValue":"active","status":"pass","time":"2024-05-01T12:00:00Z","revision":3,"since":"2024-05-01T12:00:00Z"}],` +
		`"web":[{"componentType":"component","observedValue":"error","status":"fail","time":"2024-05-01T12:00:00Z","revision":3,"since":"2024-05-01T12:00:00Z"}]}}` + "\n"
	for expose, want := range map[string]string{"counts": counts, "names": names} {
		if diff := cmp.Diff(want, open(t, sick(), tcp(exposing(expose))).ask("GET /health").body); diff != "" {
			t.Errorf("%s:\n%s", expose, diff)
		}
	}
	secrets := []string{"web", "db", "disk", "secret", "0 bytes", "7.7.7", "revision"}
	b := open(t, sick(), tcp())
	for _, path := range []string{"/health", "/livez?verbose", "/readyz?verbose", "/startupz?verbose", "/healthcheck", "/metrics", "/", "/readyz/packages/web", "/nothing"} {
		for _, accept := range []string{"", "text/plain", "text/html", "application/json"} {
			g := b.ask("GET "+path, "Accept: "+accept)
			for _, secret := range secrets {
				if strings.Contains(g.body, secret) {
					t.Errorf("%s (%s) tells %q:\n%s", path, accept, secret, g.body)
				}
			}
		}
	}
}

func TestAllIsToldOverAUnixSocket(t *testing.T) {
	b := open(t, sick(), unixSocket(t))
	g := b.ask("GET /health")
	for _, want := range []string{`"output":"No space on /srv/secret","code":"disk-full"`, `"web:disk":[{"status":"fail","output":"0 bytes"}]`, `"web:port":[{"status":"pass"}]`} {
		if !strings.Contains(g.body, want) {
			t.Errorf("%s is not in\n%s", want, g.body)
		}
	}
	want := "FAULT - 2 packages: 1 active, 1 error\ndb active\nweb error disk-full: No space on /srv/secret\n"
	if diff := cmp.Diff(want, b.ask("GET /health", "Accept: text/plain").body); diff != "" {
		t.Error(diff)
	}
}

func TestHealthComesInTheFormAskedFor(t *testing.T) {
	b := open(t, newHost(record("web", "active")), tcp())
	for accept, kind := range map[string]string{
		"":                            "application/health+json",
		"*/*":                         "application/health+json",
		"image/png":                   "application/health+json",
		"application/json":            "application/json",
		"application/json, */*;q=0.1": "application/json",
		"text/plain":                  "text/plain; charset=utf-8",
		"text/*":                      "text/plain; charset=utf-8",
		"text/html,application/xml;q=0.9,*/*;q=0.8": "text/html; charset=utf-8",
		"text/html;q=0, text/plain; q=0.5":          "text/plain; charset=utf-8",
		"application/health+json;q=0.2, text/html":  "text/html; charset=utf-8",
		";;,q=nonsense": "application/health+json",
	} {
		g := b.ask("GET /health", "Accept: "+accept)
		if got := g.Header.Get("Content-Type"); got != kind || g.StatusCode != 200 || g.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %d %s", accept, g.StatusCode, got)
		}
	}
}

func TestETagChangesWithStateAndSparesTheBody(t *testing.T) {
	h := newHost(record("web", "active"))
	b := open(t, h, tcp())
	g := b.ask("GET /health")
	etag := g.Header.Get("ETag")
	if got := g.Header.Get("Last-Modified"); got != "Wed, 01 May 2024 12:00:00 GMT" {
		t.Errorf("Last-Modified %q", got)
	}
	for _, header := range []string{etag, "*", `"x", ` + etag, strings.TrimPrefix(etag, "W/")} {
		if g := b.ask("GET /health", "If-None-Match: "+header); g.StatusCode != 304 || g.body != "" || g.Header.Get("ETag") != etag {
			t.Errorf("%s: %d %q", header, g.StatusCode, g.body)
		}
	}
	if g := b.ask("GET /health", "If-None-Match: "+etag, "Accept: text/plain"); g.StatusCode != 200 {
		t.Errorf("another form: %d", g.StatusCode)
	}
	h.set([]api.Record{record("web", "error")})
	if g := b.ask("GET /health", "If-None-Match: "+etag); g.StatusCode != 503 || g.Header.Get("ETag") == etag {
		t.Errorf("another state: %d %s", g.StatusCode, g.Header.Get("ETag"))
	}
	if g := b.ask("GET /health", "If-None-Match: *"); g.StatusCode != 503 {
		t.Errorf("a failure was spared: %d", g.StatusCode)
	}
}

func TestLastModifiedSparesTheBodyWhileAllIsWell(t *testing.T) {
	h := newHost(record("web", "active"))
	b := open(t, h, tcp())
	since := "If-Modified-Since: " + b.ask("GET /health").Header.Get("Last-Modified")
	for _, method := range []string{"GET", "HEAD"} {
		if g := b.ask(method+" /health", since); g.StatusCode != 304 || g.body != "" {
			t.Errorf("%s: %d %q", method, g.StatusCode, g.body)
		}
	}
	for _, headers := range [][]string{
		{"If-Modified-Since: Wed, 01 May 2024 11:59:59 GMT"},
		{"If-Modified-Since: yesterday"},
		{since, `If-None-Match: "x"`},
	} {
		if g := b.ask("GET /health", headers...); g.StatusCode != 200 || g.body == "" {
			t.Errorf("%q: %d %q", headers, g.StatusCode, g.body)
		}
	}
	h.set([]api.Record{record("web", "waiting")})
	if g := b.ask("GET /health", since); g.StatusCode != 200 {
		t.Errorf("a warning within the same second was spared: %d", g.StatusCode)
	}
}

func TestEmptyHostIsModifiedNow(t *testing.T) {
	b := open(t, newHost(), tcp())
	if got := b.ask("GET /health").Header.Get("Last-Modified"); strings.Contains(got, "2024") || got == "" {
		t.Errorf("got %q", got)
	}
}
