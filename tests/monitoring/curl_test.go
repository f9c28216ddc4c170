package monitoring_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

// answer is what curl got, with the last head where there were several.
type answer struct {
	protocol string
	status   int
	header   http.Header
	body     string
}

// door is one of the ways in which a host can be asked.
type door struct {
	t    *testing.T
	curl []string // with what says where
	base string
}

func (h *host) doors() (tcp, unix door) {
	curl := needs.Program(h.t, "curl", "curl")
	always := []string{curl, "-sS", "-m", "10", "-i"}
	return door{h.t, always, "http://" + h.http},
		door{h.t, append(always, "--unix-socket", filepath.Join(h.root, "run/pkgd/health.sock")), "http://pkgd"}
}

// ask runs curl: the last word is the path, those before it are options.
func (d door) ask(words ...string) answer {
	d.t.Helper()
	options, path := words[:len(words)-1], words[len(words)-1]
	line := append(append(append([]string{}, d.curl...), options...), d.base+path)
	code, out := exitOf(d.t, exec.Command(line[0], line[1:]...))
	if code != 0 {
		d.t.Fatalf("curl %q: exited with %d: %s", words, code, out)
	}
	return parse(d.t, out)
}

func parse(t *testing.T, out string) (a answer) {
	t.Helper()
	head, body, ok := strings.Cut(out, "\r\n\r\n")
	if !ok {
		t.Fatalf("no head: %q", out)
	}
	a.body, a.header = body, http.Header{}
	for i, line := range strings.Split(head, "\r\n") {
		if i == 0 {
			if _, err := fmt.Sscanf(line, "%s %d", &a.protocol, &a.status); err != nil {
				t.Fatalf("%v: %q", err, line)
			}
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		a.header.Add(name, value)
	}
	return a
}

const probesConfig = `listen:
  - {url: tcp://127.0.0.1:8092, disable-files: [/run/pkgd/drain]}
  - unix:///run/pkgd/health.sock
agent-listen: tcp://127.0.0.1:8093
`

// all is every path that answers GET.
var all = []string{"/livez", "/healthz", "/readyz", "/readiness", "/startupz", "/health", "/healthcheck", "/metrics", "/"}

func TestEveryPathAnswersOverTCPAndUnixSocket(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.has("web")
	h.answers("/readyz", 200)
	tcp, unix := h.doors()
	for _, d := range []door{tcp, unix} {
		for _, path := range all {
			a := d.ask(path)
			if a.status != 200 || a.body == "" || a.protocol != "HTTP/1.1" {
				t.Errorf("%s%s: %+v", d.base, path, a)
			}
			if a := d.ask("-X", "OPTIONS", path); a.status != 200 || a.body != "" || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("OPTIONS %s%s: %+v", d.base, path, a)
			}
			if a := d.ask("--http1.0", "-H", "Host:", path); a.status != 200 || a.protocol != "HTTP/1.0" {
				t.Errorf("HTTP/1.0 without Host %s%s: %+v", d.base, path, a)
			}
			wantHead := 200
			if path == "/healthcheck" {
				wantHead = 204
			}
			if a := d.ask("--head", path); a.status != wantHead || a.body != "" {
				t.Errorf("HEAD %s%s: %+v", d.base, path, a)
			}
			for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "NONSENSE"} {
				if a := d.ask("-X", method, path); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
					t.Errorf("%s %s%s: %+v", method, d.base, path, a)
				}
			}
			for _, accept := range []string{"image/png", "application/nothing;q=1", ";;", "*/*;q=0"} {
				if a := d.ask("-H", "Accept: "+accept, path); a.status != 200 || a.body == "" {
					t.Errorf("Accept %q %s%s: %+v", accept, d.base, path, a)
				}
			}
		}
	}
	if a := tcp.ask("/nowhere"); a.status != 404 {
		t.Errorf("nowhere: %+v", a)
	}
}

func TestFormsFollowAccept(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.has("web")
	h.answers("/readyz", 200)
	tcp, unix := h.doors()
	for _, row := range []struct{ path, accept, kind string }{
		{"/livez", "", "text/plain; charset=utf-8"},
		{"/livez", "application/json", "application/json"},
		{"/readyz", "application/health+json", "application/health+json"},
		{"/startupz", "text/html", "text/html; charset=utf-8"},
		{"/health", "", "application/health+json"},
		{"/health", "application/json", "application/json"},
		{"/health", "text/plain", "text/plain; charset=utf-8"},
		{"/health", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"},
		{"/health", "image/png", "application/health+json"},
		{"/healthcheck", "", "text/plain; charset=utf-8"},
		{"/healthcheck", "application/json", "application/json"},
		{"/healthcheck", "text/html", "text/html; charset=utf-8"},
		{"/", "", "text/html; charset=utf-8"},
		{"/metrics", "", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
	} {
		for _, d := range []door{tcp, unix} {
			a := d.ask("-H", "Accept:"+strings.TrimSuffix(" "+row.accept, " "), row.path)
			if got := a.header.Get("Content-Type"); got != row.kind || a.status != 200 {
				t.Errorf("%s (%s): %d %q", row.path, row.accept, a.status, got)
			}
			if got := a.header.Get("X-Content-Type-Options"); row.path != "/metrics" && got != "nosniff" {
				t.Errorf("%s: X-Content-Type-Options %q", row.path, got)
			}
		}
	}
}

func TestProbesAreNeverKeptAndHealthBrieflyWhileItPasses(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.has("web")
	h.answers("/readyz", 200)
	tcp, _ := h.doors()
	for _, path := range all[:len(all)-1] {
		want := "no-store"
		if path == "/health" {
			want = "max-age=5"
		}
		if got := tcp.ask(path).header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	first := tcp.ask("/health").header
	if a := tcp.ask("-H", "If-None-Match: "+first.Get("ETag"), "/health"); a.status != 304 || a.body != "" {
		t.Errorf("the same state: %+v", a)
	}
	for _, says := range []string{waiting, broken} {
		h.says("web", says)
		a := tcp.ask("-H", "If-None-Match: "+first.Get("ETag"), "/health")
		if a.status == 304 || a.body == "" || a.header.Get("ETag") == first.Get("ETag") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %+v", says, a)
		}
		modified, err := http.ParseTime(a.header.Get("Last-Modified"))
		before, err2 := http.ParseTime(first.Get("Last-Modified"))
		if err != nil || err2 != nil || modified.Before(before) {
			t.Errorf("Last-Modified %v after %v (%v, %v)", modified, before, err, err2)
		}
	}
}

func TestHealthGoesWithTheLevelAndTheCallersWish(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	tcp, unix := h.doors()
	check := func(says, level, status string, codes ...int) {
		t.Helper()
		for _, d := range []door{tcp, unix} {
			for i, query := range []string{"", "?warn=429", "?warn=503"} {
				a := d.ask("/health" + query)
				if a.status != codes[i] || !strings.Contains(a.body, `"status":"`+status+`"`) || !strings.Contains(a.body, `"level":"`+level+`"`) {
					t.Errorf("%s %s%s: %+v", says, d.base, query, a)
				}
			}
		}
	}
	check("no package", "UNKNOWN", "pass", 200, 200, 200)
	h.has("web")
	check(well, "OK", "pass", 200, 200, 200)
	h.says("web", waiting)
	check(waiting, "DEGRADED", "warn", 200, 429, 503)
	h.says("web", broken)
	check(broken, "FAULT", "fail", 503, 503, 503)
	for _, path := range []string{"/livez", "/healthz", "/readyz", "/readiness", "/startupz", "/healthcheck"} {
		if a := tcp.ask(path); a.status != 200 {
			t.Errorf("a package that is unwell makes %s %d", path, a.status)
		}
	}
	if a := tcp.ask("/health?warn=418"); a.status != 400 {
		t.Errorf("warn=418: %+v", a)
	}
}

func TestPackagesAreReadyWhenActiveOrWithoutAHookWhenTheirServicesAreUp(t *testing.T) {
	t.Parallel()
	h := newHost(t, strings.Replace(probesConfig, "  - unix", "  - {url: tcp://127.0.0.1:8094, expose: names}\n  - unix", 1))
	h.has("web")
	quiet := h.tree("quiet", "1.0", "")
	write(t, filepath.Join(quiet, "meta/pkg.yaml"), "name: quiet\nversion: \"1\"\nsummary: A package\nservices: {serve: {command: /bin/sleep 1000}}\n", 0o644)
	h.must(0, "install", quiet)
	tcp, unix := h.doors()
	named := tcp
	named.base = "http://" + h.at["8094"]
	for _, name := range []string{"web", "quiet", "missing"} {
		if a := tcp.ask("/readyz/packages/" + name); a.status != 404 || strings.Contains(a.body, name) {
			t.Errorf("over TCP, where only counts are told: %+v", a)
		}
	}
	for _, d := range []door{named, unix} {
		want := func(path string, status int) {
			t.Helper()
			eventually(t, fmt.Sprintf("%s %d", path, status), func() bool { return d.ask("/readyz/packages/"+path).status == status })
		}
		want("web", 200)
		want("quiet", 200)
		want("missing", 404)
		h.says("web", waiting)
		want("web", 503)
		h.says("web", well)
		h.must(0, "stop", "--disable", "quiet")
		want("quiet", 200) // nothing that should be up is down
		h.must(0, "start", "--enable", "quiet")
		want("quiet", 200)
	}
}

func TestWhatWentWrongIsToldToWhoMayKnow(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.has("web")
	h.says("web", broken)
	tcp, unix := h.doors()
	for _, path := range append(all, "/livez?verbose", "/readyz?verbose", "/readyz/packages/web", "/health?warn=429") {
		for _, accept := range []string{"*/*", "text/plain", "text/html", "application/json"} {
			a := tcp.ask("-H", "Accept: "+accept, path)
			for _, secret := range []string{"web", "disk-full", "space", `"1.0"`} {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s (%s) tells %q over TCP:\n%s", path, accept, secret, a.body)
				}
			}
		}
	}
	for _, secret := range []string{"web", "disk-full", "No space left on /var", "releaseId"} {
		if a := unix.ask("/health"); !strings.Contains(a.body, secret) {
			t.Errorf("/health does not tell %q over a unix socket:\n%s", secret, a.body)
		}
	}
	if a := unix.ask("-H", "Accept: text/plain", "/health"); a.body != "FAULT - 1 package: 1 error\nweb error disk-full: No space left on /var\n" {
		t.Errorf("in text: %q", a.body)
	}
}

func TestAFileDrainsAndSaysSo(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.answers("/readyz", 200)
	tcp, unix := h.doors()
	drain := write(t, filepath.Join(h.root, "run/pkgd/drain"), "", 0o644)
	h.answers("/readyz", 503)
	for path, want := range map[string]string{
		"/readyz":                         "[+]store ok\n[+]services ok\n[+]serving ok\n[-]files failed: DISABLED BY FILE\nreadyz check failed\n",
		"/readiness?exclude=files":        "ok\n",
		"/readyz?exclude=files&verbose":   "[+]store ok\n[+]services ok\n[+]serving ok\nreadyz check passed\n",
		"/healthcheck":                    "DISABLED BY FILE",
		"/livez?verbose":                  "[+]loop ok\nlivez check passed\n",
		"/startupz?verbose":               "[+]listeners ok\nstartupz check passed\n",
		"/readyz?exclude=files&exclude=x": "ok\n",
	} {
		if a := tcp.ask(path); a.body != want || (a.status == 200) != (strings.Contains(want, "ok\n") && !strings.Contains(want, "failed")) {
			t.Errorf("%s: %d %q", path, a.status, a.body)
		}
	}
	if a := tcp.ask("--head", "/healthcheck"); a.status != 503 {
		t.Errorf("HEAD: %+v", a)
	}
	if a := tcp.ask("-X", "OPTIONS", "/readyz"); a.status != 503 {
		t.Errorf("OPTIONS: %+v", a)
	}
	if a := unix.ask("/readyz"); a.status != 200 {
		t.Errorf("a listener without the file: %+v", a)
	}
	if err := os.Remove(drain); err != nil {
		t.Fatal(err)
	}
	h.answers("/readyz", 200)
}

func TestWhoMayNotAskIsRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t, "listen:\n  - {url: tcp://127.0.0.1:8092, ignore-proxied: true}\n  - {url: tcp://127.0.0.1:8094, allow: [10.0.0.0/8]}\n")
	h.answers("/readyz", 200)
	tcp, _ := h.doors()
	for _, header := range []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1"} {
		for _, path := range append(all, "/metrics") {
			if a := tcp.ask("-H", header, path); a.status != 403 || a.body != "not through a proxy\n" {
				t.Errorf("%s %s: %+v", header, path, a)
			}
		}
	}
	tcp.base = "http://" + h.at["8094"]
	if a := tcp.ask("/livez"); a.status != 403 || a.body != "not from your address\n" {
		t.Errorf("from elsewhere: %+v", a)
	}
}

func TestNothingListensUntilItIsToldTo(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	h.must(3, "health") // answers: it serves
	if log := h.log.String(); strings.Contains(log, "answering") || strings.Contains(log, `"WARN"`) {
		t.Errorf("log:\n%s", log)
	}
	if sockets, err := filepath.Glob(filepath.Join(h.root, "run/pkgd/health*")); err != nil || len(sockets) > 0 {
		t.Errorf("%v %v", sockets, err)
	}
	busy := newHost(t, probesConfig)
	busy.answers("/readyz", 200)
	if log := busy.log.String(); !strings.Contains(log, `"answering health probes","at":"`+busy.http) || strings.Contains(log, `"WARN"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestReadinessFallsWhenPkgdIsToldToEnd(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.answers("/readyz", 200)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.answers("/readyz", 0)
}
