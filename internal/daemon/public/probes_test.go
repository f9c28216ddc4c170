package public_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/service"
)

func TestLivenessDependsOnTheLoopAlone(t *testing.T) {
	h := newHost(record("web", "error"))
	failing := errors.New("disk is gone")
	h.writable.Store(&failing)
	h.ping = func(context.Context) error { return errors.New("no bus") }
	b := open(t, h, tcp())
	for _, path := range []string{"/livez", "/healthz"} {
		if g := b.ask("GET " + path); g.StatusCode != 200 || g.body != "ok\n" {
			t.Errorf("%s: %d %q", path, g.StatusCode, g.body)
		}
	}
	h.late.Store(int64(time.Minute))
	if g := b.ask("GET /livez"); g.StatusCode != 503 || g.body != "[-]loop failed: reason withheld\nlivez check failed\n" {
		t.Errorf("%d %q", g.StatusCode, g.body)
	}
}

func TestReadinessTellsWhatFailsAndWhyOnlyToWhoMayKnow(t *testing.T) {
	for name, row := range map[string]struct {
		config config.Config
		want   string
	}{
		"counts": {tcp(), "[-]store failed: reason withheld\n[+]services ok\n[+]serving ok\nreadyz check failed\n"},
		"names":  {tcp(exposing("names")), "[-]store failed: reason withheld\n[+]services ok\n[+]serving ok\nreadyz check failed\n"},
		"full":   {tcp(exposing("full")), "[-]store failed: no space on /var\n[+]services ok\n[+]serving ok\nreadyz check failed\n"},
		"unix":   {unixSocket(t), "[-]store failed: no space on /var\n[+]services ok\n[+]serving ok\nreadyz check failed\n"},
	} {
		h := newHost()
		b := open(t, h, row.config)
		if g := b.eventually("GET /readyz", 200); g.body != "ok\n" {
			t.Errorf("%s: %q", name, g.body)
		}
		full := errors.New("no space on /var")
		h.writable.Store(&full)
		for _, path := range []string{"/readyz", "/readiness"} {
			if g := b.ask("GET " + path); g.StatusCode != 503 || g.body != row.want {
				t.Errorf("%s: %d %q", name, g.StatusCode, g.body)
			}
		}
	}
}

func TestProbesTakeVerboseExcludeAndForms(t *testing.T) {
	h := newHost()
	b := open(t, h, tcp())
	b.eventually("GET /readyz", 200)
	full := errors.New("no space")
	h.writable.Store(&full)
	for _, row := range []struct {
		what, accept string
		status       int
		kind, body   string
	}{
		{"GET /livez?verbose", "", 200, "text/plain; charset=utf-8", "[+]loop ok\nlivez check passed\n"},
		{"GET /readyz?exclude=store", "", 200, "text/plain; charset=utf-8", "ok\n"},
		{"GET /readyz?exclude=store&exclude=services&verbose", "", 200, "text/plain; charset=utf-8", "[+]serving ok\nreadyz check passed\n"},
		{"GET /readyz?exclude=stor&verbose", "", 503, "text/plain; charset=utf-8", "[-]store failed: reason withheld\n[+]services ok\n[+]serving ok\ncannot exclude \"stor\": there is none\nreadyz check failed\n"},
		{"GET /livez", "application/json", 200, "application/json", `{"status":"pass","checks":{"loop":[{"status":"pass"}]}}` + "\n"},
		{"GET /readyz?exclude=services&exclude=serving", "application/health+json", 503, "application/health+json", `{"status":"fail","checks":{"store":[{"status":"fail","output":"reason withheld"}]}}` + "\n"},
		{"GET /startupz?verbose", "", 200, "text/plain; charset=utf-8", "[+]listeners ok\nstartupz check passed\n"},
		{"GET /livez", "text/html", 200, "text/html; charset=utf-8", "<!doctype html>\n<title>livez</title>\n<pre>ok\n</pre>\n"},
		{"GET /livez", "image/png", 200, "text/plain; charset=utf-8", "ok\n"},
		{"HEAD /livez", "", 200, "text/plain; charset=utf-8", ""},
		{"HEAD /readyz", "", 503, "text/plain; charset=utf-8", ""},
		{"OPTIONS /readyz", "", 503, "text/plain; charset=utf-8", ""},
	} {
		g := b.ask(row.what, "Accept: "+row.accept)
		if g.StatusCode != row.status || g.body != row.body || g.Header.Get("Content-Type") != row.kind {
			t.Errorf("%s (%s): %d %s %q", row.what, row.accept, g.StatusCode, g.Header.Get("Content-Type"), g.body)
		}
		if got := g.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", row.what, got)
		}
	}
}

func TestServiceManagerThatDoesNotAnswerIsNotReadyAndHoldsNobodyUp(t *testing.T) {
	h := newHost()
	h.ping = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	b := open(t, h, unixSocket(t))
	if g := b.ask("GET /readyz"); g.StatusCode != 503 || !strings.Contains(g.body, "[-]services failed: not looked at yet\n") {
		t.Errorf("%d %q", g.StatusCode, g.body)
	}
}

func TestPackageIsReadyWhenActiveOrWithoutAHookWhenItsServicesAreUp(t *testing.T) {
	h := newHost()
	h.set([]api.Record{record("bad", "error"), record("good", "active"), record("quiet", "unknown"), record("still", "unknown")}, "quiet", "still")
	h.status = []service.Status{
		{Package: "quiet", Name: "a", State: service.Active, Enabled: true},
		{Package: "quiet", Name: "b", State: service.Inactive},
		{Package: "still", Name: "a", State: service.Failed, Enabled: true},
	}
	b := open(t, h, tcp(exposing("names")))
	b.eventually("GET /readyz/packages/quiet", 200)
	for name, want := range map[string]int{"good": 200, "bad": 503, "still": 503, "missing": 404, "": 404, "good/x": 404} {
		if g := b.ask("GET /readyz/packages/" + name); g.StatusCode != want {
			t.Errorf("%s: %d %q", name, g.StatusCode, g.body)
		}
	}
	// What the service manager tells of is looked at at once.
	h.mu.Lock()
	h.status[2].State = service.Active
	event := h.event
	h.mu.Unlock()
	event(service.Event{})
	b.eventually("GET /readyz/packages/still", 200)
}

func TestNoPackageIsReadyWhileAPlaceDrains(t *testing.T) {
	drain := filepath.Join(t.TempDir(), "drain")
	b := open(t, newHost(record("web", "active")), tcp(exposing("names"), func(l *config.Listener) { l.DisableFiles = []string{drain} }))
	b.eventually("GET /readyz/packages/web", 200)
	if err := os.WriteFile(drain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.eventually("GET /readyz/packages/web", 503)
	if g := b.ask("GET /readyz/packages/web"); g.body != "[+]web ok\n[+]serving ok\n[-]files failed: DISABLED BY FILE\nweb check failed\n" {
		t.Errorf("got %q", g.body)
	}
	b.eventually("GET /readyz/packages/web?exclude=files", 200)
}

func TestPackagesAreNotThereForWhoMayNotKnowTheirNames(t *testing.T) {
	h := newHost(record("web", "active"))
	if g := open(t, h, tcp()).ask("GET /readyz/packages/web"); g.StatusCode != 404 {
		t.Errorf("over TCP: %d", g.StatusCode)
	}
	if g := open(t, h, unixSocket(t)).ask("GET /readyz/packages/web"); g.StatusCode != 200 {
		t.Errorf("over a unix socket: %d", g.StatusCode)
	}
}

func TestFilesDecideWhoIsReadyAndSaySo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for name, row := range map[string]struct {
		rules         func(*config.Listener)
		readyWhenGone bool
		why           string
	}{
		"disable": {func(l *config.Listener) { l.DisableFiles = []string{path + "2", path} }, true, "DISABLED BY FILE"},
		"enable":  {func(l *config.Listener) { l.EnableFiles = []string{path} }, false, "FILE PATH MISSING"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, newHost(), tcp(row.rules))
			there := func() {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			gone := func() { os.Remove(path) }
			ready, unready := gone, there
			if !row.readyWhenGone {
				ready, unready = there, gone
			}
			unready()
			b.eventually("GET /readyz?exclude=files", 200)
			b.eventually("GET /readyz", 503)
			for {
				if g := b.ask("GET /healthcheck"); g.StatusCode == 503 && g.body == row.why {
					break
				}
			}
			if g := b.ask("GET /readyz"); !strings.Contains(g.body, "[-]files failed: "+row.why) {
				t.Errorf("got %q", g.body)
			}
			ready()
			b.eventually("GET /readyz", 200)
			gone()
		})
	}
}

func TestHealthcheckHasTheShapeOfOslo(t *testing.T) {
	h := newHost()
	b := open(t, h, tcp())
	b.eventually("GET /healthcheck", 200)
	for _, row := range []struct {
		what, accept string
		status       int
		body         string
	}{
		{"GET /healthcheck", "", 200, "OK"},
		{"HEAD /healthcheck", "", 204, ""},
		{"OPTIONS /healthcheck", "", 200, ""},
		{"GET /healthcheck", "application/json", 200, `{"detailed":false,"reasons":["OK"]}` + "\n"},
		{"GET /healthcheck", "image/png", 200, "OK"},
	} {
		if g := b.ask(row.what, "Accept: "+row.accept); g.StatusCode != row.status || g.body != row.body {
			t.Errorf("%s (%s): %d %q", row.what, row.accept, g.StatusCode, g.body)
		}
	}
	full := errors.New("no space")
	h.writable.Store(&full)
	if g := b.ask("GET /healthcheck"); g.StatusCode != 503 || g.body != "store: reason withheld" {
		t.Errorf("%d %q", g.StatusCode, g.body)
	}
	if g := b.ask("HEAD /healthcheck"); g.StatusCode != 503 {
		t.Errorf("%d", g.StatusCode)
	}
	b.server.End("pkgd is stopping")
	want := "<!doctype html>\n<title>Healthcheck Status</title>\n<p>store: reason withheld<br>serving: reason withheld</p>\n"
	if g := b.ask("GET /healthcheck", "Accept: text/html"); g.body != want {
		t.Errorf("several reasons: %q", g.body)
	}
}

func TestReadinessFallsWhenTheEndBegins(t *testing.T) {
	b := open(t, newHost(), unixSocket(t))
	b.eventually("GET /readyz", 200)
	b.server.End("pkgd is stopping")
	if g := b.ask("GET /readyz"); g.StatusCode != 503 || !strings.Contains(g.body, "[-]serving failed: pkgd is stopping") {
		t.Errorf("%d %q", g.StatusCode, g.body)
	}
	if g := b.ask("GET /livez"); g.StatusCode != 200 {
		t.Errorf("%d", g.StatusCode)
	}
}
