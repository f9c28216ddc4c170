package monitoring_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/tests/gate"
)

// agentSays is the line of the agent check.
func (h *host) agentSays() string {
	h.t.Helper()
	conn, err := net.DialTimeout("tcp", h.at["8093"], limit)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		h.t.Fatal(err)
	}
	line, err := io.ReadAll(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(line)
}

func TestEverythingAnswersWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	var hangs atomic.Bool
	held, plugged := make(chan struct{}, 1), make(chan struct{})
	h := hostBehind(t, func(c gate.Call) gate.Outcome {
		if hangs.Load() && strings.HasSuffix(c.Path(0), "/state.db") {
			select {
			case held <- struct{}{}:
			default:
			}
			<-plugged
		}
		return gate.Through
	}, probesConfig)
	plug := sync.OnceFunc(func() {
		hangs.Store(false)
		close(plugged)
	})
	t.Cleanup(plug)
	h.has("web")
	h.answers("/readyz", 200)
	hangs.Store(true)
	changed := h.runs("/bin/sh", "-c", "exec pkgd hold web")
	select {
	case <-held:
	case <-time.After(limit):
		t.Fatal("nothing is written")
	}
	tcp, unix := h.doors()
	for range 3 {
		for _, d := range []door{tcp, unix} {
			for _, path := range all {
				if a := d.ask(path); a.status != 200 || a.body == "" {
					t.Errorf("%s: %+v", path, a)
				}
			}
			if a := d.ask("/health"); !strings.Contains(a.body, `"level":"OK"`) {
				t.Errorf("got %+v", a)
			}
		}
		if got := h.agentSays(); got != "ready up 100%\n" {
			t.Errorf("the agent says %q", got)
		}
	}
	plug()
	if state, err := changed.Process.Wait(); err != nil || !state.Success() {
		t.Errorf("what hung ended with %v, %v", state, err)
	}
	if got := h.must(0, "list", "--format=json"); !strings.Contains(got, `"held": true`) {
		t.Errorf("what hung was not done: %s", got)
	}
}

func TestFullDiskMakesPkgdUnreadyAndNobodyUnwell(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	h := hostBehind(t, func(c gate.Call) gate.Outcome {
		if full.Load() && strings.HasSuffix(c.Path(0), "/state.db") {
			return gate.Outcome{Errno: syscall.ENOSPC}
		}
		return gate.Through
	}, probesConfig)
	h.has("web")
	h.answers("/readyz", 200)
	full.Store(true)
	if code, out := h.pkgd("hold", "web"); code == 0 {
		t.Errorf("a change that cannot be kept was done: %s", out)
	}
	h.answers("/readyz", 503)
	tcp, unix := h.doors()
	for path, want := range map[string]int{
		"/livez": 200, "/healthz": 200, "/startupz": 200, "/health": 200, "/metrics": 200, "/": 200,
		"/readyz": 503, "/readiness": 503, "/healthcheck": 503, "/readyz?exclude=store": 200,
	} {
		for _, d := range []door{tcp, unix} {
			if a := d.ask(path); a.status != want {
				t.Errorf("%s: %+v", path, a)
			}
		}
	}
	if a := tcp.ask("/readyz"); !strings.Contains(a.body, "[-]store failed: reason withheld\n") {
		t.Errorf("over TCP: %q", a.body)
	}
	if a := unix.ask("/readyz"); !strings.Contains(a.body, "no space left on device") {
		t.Errorf("over a unix socket: %q", a.body)
	}
	if got := h.agentSays(); got != "drain up 100%\n" {
		t.Errorf("the agent says %q", got)
	}
	full.Store(false)
	h.must(0, "hold", "web")
	h.answers("/readyz", 200)
}
