package monitoring_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

// proxied is a host with an nginx before it that runs as its page says.
func proxied(t *testing.T) (*host, *page) {
	t.Helper()
	program := needs.Program(t, "nginx", "nginx")
	p := readPage(t, "nginx")
	h := newHost(t, p.file("/etc/pkgd/pkgd.yaml"))
	h.has("web")
	h.paths = []string{"/var/cache/nginx/", h.dir + "/"}
	config := "daemon off; pid DIR/nginx.pid; error_log stderr; USER\nevents {}\nhttp { access_log off; TEMP\n" +
		p.file("/etc/nginx/conf.d/pkgd.conf") + p.file("/etc/nginx/conf.d/pkgd-cached.conf") + "}\n"
	temp := ""
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += what + "_temp_path DIR/" + what + "; "
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // whose the test's folder is
	}
	config = strings.NewReplacer("TEMP", strings.ReplaceAll(temp, "DIR", h.dir), "DIR", h.dir, "USER", user).Replace(config)
	file := write(t, filepath.Join(h.dir, "nginx.conf"), h.here(config), 0o644)
	h.runs(program, "-c", file, "-p", h.dir, "-e", "stderr")
	eventually(t, "nginx answers", func() bool { return status("http://"+h.at["80"]+"/pkgd/livez") == 200 })
	return h, p
}

// Each answer here is the first after the change: nothing is awaited.
func TestNginxShowsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	h, p := proxied(t)
	const code = `curl -s -o /dev/null -w '%{http_code}\n' http://192.0.2.10:80/pkgd/health`
	once := func() {
		t.Helper()
		want := p.step(code)
		if _, got := h.sh(h.here(code)); got != want {
			t.Errorf("the first answer is %s, not %s", got, want)
		}
	}
	needs.Program(t, "curl", "curl")
	once()
	h.says("web", broken)
	once()
	h.says("web", well)
	base := "http://" + h.at["80"] + "/pkgd"
	if got := status(base + "/health"); got != 200 {
		t.Errorf("well again: %d", got)
	}
	drain := write(t, filepath.Join(h.root, "run/pkgd/drain"), "", 0o644)
	h.answers("/readyz", 503)
	for path, want := range map[string]int{"/readyz": 503, "/healthcheck": 503, "/livez": 200, "/health": 200} {
		if got := status(base + path); got != want {
			t.Errorf("drained: %s %d", path, got)
		}
	}
	if err := os.Remove(drain); err != nil {
		t.Fatal(err)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/health", "/readyz", "/livez"} {
		if got := status(base + path); got != 502 {
			t.Errorf("pkgd is gone: %s %d", path, got)
		}
	}
}

func TestNginxCacheGivesNothingGreenBackOnceItWasSeenBroken(t *testing.T) {
	t.Parallel()
	h, p := proxied(t)
	needs.Program(t, "curl", "curl")
	p.shows(h, `curl -s -o /dev/null -D - http://192.0.2.10:81/health | grep -i ^x-cache-status`)
	through, _ := h.doors()
	through.base = "http://" + h.at["81"]
	for _, path := range []string{"/livez", "/readyz", "/startupz", "/healthcheck", "/metrics"} {
		for range 3 {
			if a := through.ask(path); a.status != 200 || a.header.Get("X-Cache-Status") == "HIT" {
				t.Errorf("%s came out of the cache: %+v", path, a.header)
			}
		}
	}
	h.says("web", broken)
	eventually(t, "the cache lets go of what was well", func() bool { return through.ask("/health").status == 503 })
	for range 20 {
		if a := through.ask("/health"); a.status != 503 || a.header.Get("X-Cache-Status") == "HIT" {
			t.Fatalf("after the failure: %+v", a)
		}
	}
	h.says("web", well)
	eventually(t, "well again", func() bool { return through.ask("/health").header.Get("X-Cache-Status") == "HIT" })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pkgd is gone", func() bool { return through.ask("/health").status == 502 })
	for range 20 {
		if a := through.ask("/health"); a.status != 502 {
			t.Fatalf("after the end: %+v", a)
		}
	}
}
