package monitoring_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

// application is what a server is there for: it answers with its name.
func application(t *testing.T, name, at string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
}

// served is who answers some requests in a row.
func served(t *testing.T, at string) string {
	t.Helper()
	seen := map[string]bool{}
	for range 8 {
		resp, err := client.Get("http://" + at)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[string(body)] = true
	}
	all := ""
	for _, name := range []string{"one", "two"} {
		if seen[name] {
			all += name
		}
	}
	return all
}

// Two servers with the same ports are two addresses of the loopback.
func TestHAProxyTakesAServerOutDrainsItAndTakesItBack(t *testing.T) {
	t.Parallel()
	haproxy := needs.Program(t, "haproxy", "haproxy")
	needs.Program(t, "socat", "socat")
	p := readPage(t, "haproxy")
	port := func() string { _, port, _ := strings.Cut(address(t), ":"); return port }
	probes, agents, web := port(), port(), port()
	serve := func(name, ip string) *host {
		application(t, name, ip+":"+web)
		h := newHost(t, strings.NewReplacer("0.0.0.0:8092", ip+":"+probes, "0.0.0.0:8093", ip+":"+agents).Replace(p.file("/etc/pkgd/pkgd.yaml")))
		h.http = ip + ":" + probes
		h.answers("/readyz", 200)
		return h
	}
	one, two := serve("one", "127.0.0.11"), serve("two", "127.0.0.12")
	one.has("web")
	two.has("web")
	one.paths = []string{"/run/haproxy/", one.dir + "/"}
	config := one.here(strings.NewReplacer(
		"192.0.2.1", "127.0.0.1", ":80\n", ":"+web+"\n", "port 8092", "port "+probes, "agent-port 8093", "agent-port "+agents,
	).Replace(p.file("/etc/haproxy/haproxy.cfg")))
	one.runs(haproxy, "-db", "-f", write(t, filepath.Join(one.dir, "haproxy.cfg"), config, 0o644))
	const stat = `echo "show stat" | socat - UNIX-CONNECT:/run/haproxy/admin.sock | grep ^web,[ot] | cut -d, -f2,18`
	serves := func(want string) {
		t.Helper()
		if got := served(t, "127.0.0.10:"+web); got != want {
			t.Errorf("requests go to %q, want %q", got, want)
		}
	}
	p.shows(one, stat)
	serves("onetwo")
	drain := write(t, filepath.Join(one.root, "run/pkgd/drain"), "", 0o644)
	p.shows(one, stat)
	serves("two")
	if err := os.Remove(drain); err != nil {
		t.Fatal(err)
	}
	p.shows(one, stat)
	serves("onetwo")
	one.says("web", broken)
	p.shows(one, stat)
	serves("two")
	one.says("web", well)
	p.shows(one, stat)
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	p.shows(one, stat)
	serves("two")
}
