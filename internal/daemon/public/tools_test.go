package public_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/needs"
)

// exitOf runs a program and gives its exit status and output.
func exitOf(t *testing.T, stdin string, command ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (b *bench) address() string { return b.server.Addresses()[0].String() }

func TestCurlTellsReadyFromNotReady(t *testing.T) {
	curl := needs.Program(t, "curl", "curl")
	c := unixSocket(t)
	socket := strings.TrimPrefix(c.Listen[0].URL, "unix://")
	c.Listen = append(c.Listen, tcp().Listen...)
	h := newHost()
	b := open(t, h, c)
	b.eventually("GET /readyz", 200)
	ask := []string{curl, "-fsS", "-m", "5", "--unix-socket", socket, "http://pkgd/readyz"}
	if code, out := exitOf(t, "", ask...); code != 0 || out != "ok\n" {
		t.Errorf("ready: %d %q", code, out)
	}
	full := errors.New("no space")
	h.writable.Store(&full)
	if code, out := exitOf(t, "", ask...); code != 22 {
		t.Errorf("not ready: %d %q", code, out)
	}
}

func TestSocatAndNetcatGetAnswers(t *testing.T) {
	b := open(t, newHost(), tcp())
	host, port, err := net.SplitHostPort(b.address())
	if err != nil {
		t.Fatal(err)
	}
	const request = "GET /livez HTTP/1.0\r\n\r\n"
	for name, command := range map[string][]string{
		"socat": {needs.Program(t, "socat", "socat"), "-t5", "-", "TCP:" + b.address()},
		"nc":    {needs.Program(t, "nc", "netcat-openbsd"), "-w", "5", host, port},
	} {
		if code, out := exitOf(t, request, command...); code != 0 || !strings.HasPrefix(out, "HTTP/1.0 200 OK") || !strings.HasSuffix(out, "\r\n\r\nok\n") {
			t.Errorf("%s: %d %q", name, code, out)
		}
	}
}

func TestCheckHTTPTellsPassWarnAndFail(t *testing.T) {
	plugin := needs.Program(t, "check_http", "monitoring-plugins-basic")
	h := newHost()
	b := open(t, h, tcp())
	host, port, err := net.SplitHostPort(b.address())
	if err != nil {
		t.Fatal(err)
	}
	ask := []string{plugin, "-I", host, "-p", port, "-u", "/health?warn=429", "-M", "600"}
	for status, want := range map[string]int{"active": 0, "waiting": 1, "error": 2} {
		h.setAt(time.Now(), []api.Record{record("web", status)})
		if code, out := exitOf(t, "", ask...); code != want {
			t.Errorf("%s: %d %s", status, code, out)
		}
	}
	h.setAt(time.Now().Add(-time.Hour), []api.Record{record("web", "active")})
	if code, out := exitOf(t, "", ask...); code != 2 {
		t.Errorf("nobody looks any more: %d %s", code, out)
	}
}

const haproxyConfig = `
global
	stats socket DIR/admin.sock level admin
	maxconn 100
defaults
	mode http
	timeout connect 2s
	timeout client 2s
	timeout server 2s
	timeout check 2s
backend http
	option httpchk OPTIONS /readyz
	server pkgd ADDRESS check inter 50ms fall 1 rise 1
backend agent
	server pkgd ADDRESS weight 100 agent-check agent-addr AGENTHOST agent-port AGENTPORT agent-inter 50ms
`

func TestHAProxyTakesAServerOutDrainsItAndTakesItBack(t *testing.T) {
	haproxy := needs.Program(t, "haproxy", "haproxy")
	dir, err := os.MkdirTemp("/tmp", "h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	disable := filepath.Join(dir, "drain")
	c := tcp(func(l *config.Listener) { l.DisableFiles = []string{disable} })
	c.AgentListen = "tcp://127.0.0.1:0"
	h := newHost(record("web", "active"))
	b := open(t, h, c)
	addresses := b.server.Addresses()
	agentHost, agentPort, err := net.SplitHostPort(addresses[1].String())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("DIR", dir, "ADDRESS", addresses[0].String(), "AGENTHOST", agentHost, "AGENTPORT", agentPort).Replace(haproxyConfig)
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxy, "-db", "-f", path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	awaitServer(t, dir, "http", "UP")
	awaitServer(t, dir, "agent", "no check") // the agent alone says nothing of a server's being up until it changes

	h.set([]api.Record{record("web", "error")})
	awaitServer(t, dir, "agent", "DOWN (agent)")
	h.set([]api.Record{record("web", "active")})
	awaitServer(t, dir, "agent", "UP", "no check")

	if err := os.WriteFile(disable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitServer(t, dir, "http", "DOWN")
	awaitServer(t, dir, "agent", "DRAIN (agent)", "DRAIN")
	if err := os.Remove(disable); err != nil {
		t.Fatal(err)
	}
	awaitServer(t, dir, "http", "UP")
	awaitServer(t, dir, "agent", "UP", "no check")
}

// awaitServer asks HAProxy until a backend's server is in one of the states.
func awaitServer(t *testing.T, dir, backend string, states ...string) {
	t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if now := serverState(dir, backend); now != "" {
			last = now
		}
		for _, want := range states {
			if last == want {
				return
			}
		}
	}
	t.Fatalf("backend %s: the server is %q, want %q", backend, last, states)
}

func serverState(dir, backend string) string {
	c, err := net.Dial("unix", filepath.Join(dir, "admin.sock"))
	if err != nil {
		return ""
	}
	defer c.Close()
	fmt.Fprintln(c, "show stat")
	text, err := io.ReadAll(c)
	if err != nil {
		return ""
	}
	rows, _ := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	for _, row := range rows {
		if len(row) > 17 && row[0] == backend && row[1] == "pkgd" {
			return row[17]
		}
	}
	return ""
}
