package snapctl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

// listen opens a socket with a path short enough for the kernel.
func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

// fakeDaemon answers every request with resp, and hands out each.
func fakeDaemon(t *testing.T, resp api.CtlResponse) (socket string, requests chan api.CtlRequest) {
	l, socket := listen(t)
	requests = make(chan api.CtlRequest, 10)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.URL.Path != "/v1/ctl" {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		var req api.CtlRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		requests <- req
		_ = json.NewEncoder(w).Encode(resp)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	return socket, requests
}

// rawDaemon reads a request's first bytes and says whatever it is told to.
func rawDaemon(t *testing.T, say func(net.Conn)) (socket string) {
	l, socket := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024))
			say(c)
			c.Close()
		}
	}()
	return socket
}

type outcome struct {
	Code           int
	Stdout, Stderr string
}

func run(env map[string]string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := snapctl.Run(args, snapctl.Env{
		Getenv: func(name string) string { return env[name] },
		Stdout: &stdout, Stderr: &stderr,
	})
	return outcome{code, stdout.String(), stderr.String()}
}

func TestRunCarriesTheWordsAndPrintsTheAnswer(t *testing.T) {
	socket, requests := fakeDaemon(t, api.CtlResponse{Stdout: "out\n", Stderr: "ctl: no \"way\"\n", ExitCode: 1})
	got := run(map[string]string{"PKGD_CTL_SOCKET": socket, "PKG_COOKIE": "c1"}, "set-health", "error", "é \"quoted\"\n")
	if d := cmp.Diff(outcome{1, "out\n", "ctl: no \"way\"\n"}, got); d != "" {
		t.Error(d)
	}
	want := api.CtlRequest{Cookie: "c1", Args: []string{"set-health", "error", "é \"quoted\"\n"}}
	if d := cmp.Diff(want, <-requests); d != "" {
		t.Error(d)
	}
}

func TestTheCookieComesFromPkgdsNameOrSnapds(t *testing.T) {
	socket, requests := fakeDaemon(t, api.CtlResponse{})
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"PKG_COOKIE": "a", "SNAP_COOKIE": "b", "SNAP_CONTEXT": "c"}, "a"},
		{map[string]string{"SNAP_COOKIE": "b", "SNAP_CONTEXT": "c"}, "b"},
		{map[string]string{"SNAP_CONTEXT": "c"}, "c"},
		{map[string]string{}, ""},
	} {
		c.env["PKGD_CTL_SOCKET"] = socket
		got := run(c.env, "version")
		if cookie := (<-requests).Cookie; got.Code != 0 || cookie != c.want {
			t.Errorf("%v: %+v, cookie %q", c.env, got, cookie)
		}
	}
}

func TestALargeAnswerArrivesWhole(t *testing.T) {
	big := strings.Repeat("0123456789abcdef\n", 1<<16)
	socket, _ := fakeDaemon(t, api.CtlResponse{Stdout: big})
	if got := run(map[string]string{"PKGD_CTL_SOCKET": socket}, "get", "a"); got.Code != 0 || got.Stdout != big {
		t.Errorf("exit %d, %d bytes of %d: %s", got.Code, len(got.Stdout), len(big), got.Stderr)
	}
}

func TestHelpNeedsNoDaemon(t *testing.T) {
	got := run(map[string]string{"PKGD_CTL_SOCKET": "/nonexistent"}, "help")
	if got.Code != 0 || !strings.Contains(got.Stdout, "set-health") || got.Stderr != "" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNotTextIsRefusedBeforeItIsSent(t *testing.T) {
	env := map[string]string{"PKGD_CTL_SOCKET": "/nonexistent"}
	for want, args := range map[string][]string{
		"ctl: argument 3 is not valid UTF-8: send text, and encode other data (base64) first\n": {"set-health", "error", "a\xffb"},
		"ctl: the request is larger than 256 KiB: send less at once\n":                          {"set", "a=" + strings.Repeat("x", snapctl.MaxRequest)},
	} {
		if d := cmp.Diff(outcome{1, "", want}, run(env, args...)); d != "" {
			t.Error(d)
		}
	}
	env["PKG_COOKIE"] = "\xff"
	want := "ctl: the cookie is not valid UTF-8: leave PKG_COOKIE as pkgd sets it\n"
	if d := cmp.Diff(outcome{1, "", want}, run(env, "version")); d != "" {
		t.Error(d)
	}
}

func TestADaemonThatCannotBeReachedExitsThreeWithOneLine(t *testing.T) {
	say := func(s string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, s) }
	}
	garbled := "the answer is not one of pkgd's"
	for name, c := range map[string]struct{ socket, why string }{
		"nobody there":       {"/nonexistent/s", "no such file or directory"},
		"a path too long":    {"/" + strings.Repeat("x", 200), "invalid argument"},
		"hangs up":           {rawDaemon(t, say("")), garbled},
		"is not HTTP":        {rawDaemon(t, say("220 mail.example ESMTP\r\n\r\n")), garbled},
		"says nothing of it": {rawDaemon(t, say("HTTP/1.0 404 Not Found\r\n\r\n<html>")), garbled},
		"stops half-way":     {rawDaemon(t, say("HTTP/1.0 200 OK\r\nContent-Length: 50\r\n\r\n{\"stdout\":")), garbled},
		"exits strangely":    {rawDaemon(t, say("HTTP/1.0 200 OK\r\n\r\n{\"exit-code\":77}")), garbled},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(map[string]string{"PKGD_CTL_SOCKET": c.socket}, "version")
			if got.Code != 3 || got.Stdout != "" {
				t.Errorf("%+v", got)
			}
			if !strings.HasPrefix(got.Stderr, `ctl: cannot reach pkgd at "/`) || !strings.Contains(got.Stderr, c.why) || strings.Count(got.Stderr, "\n") != 1 {
				t.Errorf("stderr: %s", got.Stderr)
			}
		})
	}
}

func TestTheDefaultSocketIsPkgds(t *testing.T) {
	if snapctl.DefaultSocket != "/run/pkgd/ctl.socket" {
		t.Error(snapctl.DefaultSocket)
	}
}

func TestADaemonThatDoesNotAnswerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	socket := rawDaemon(t, func(net.Conn) { <-release })
	_, err := snapctl.Call(socket, snapctl.Request{}, 50*time.Millisecond)
	if err == nil || err.Error() != "no answer in time" {
		t.Error(err)
	}
}

func TestADaemonThatDripsIsGivenUpToo(t *testing.T) {
	socket := rawDaemon(t, func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, "H"); err != nil {
				return
			}
		}
	})
	_, err := snapctl.Call(socket, snapctl.Request{}, 100*time.Millisecond)
	if err == nil {
		t.Error("a daemon that never ends was believed")
	}
}

func TestADaemonThatDoesNotReadIsGivenUp(t *testing.T) {
	l, socket := listen(t)
	_ = l // nobody accepts, so that the write blocks once the buffers are full
	big := []string{"set", "a=" + strings.Repeat("x", 8<<20)}
	_, err := snapctl.Call(socket, snapctl.Request{Args: big}, 50*time.Millisecond)
	if err == nil || err.Error() != "no answer in time" {
		t.Error(err)
	}
}

func TestARefusalThatComesEarlyIsHeard(t *testing.T) {
	socket := rawDaemon(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.0 413 Too Large\r\n\r\n{\"stderr\":\"ctl: too large\\n\",\"exit-code\":1}")
		_ = c.(*net.UnixConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	resp, err := snapctl.Call(socket, snapctl.Request{Args: []string{strings.Repeat("x", 4<<20)}}, time.Minute)
	if err != nil || resp.Stderr != "ctl: too large\n" {
		t.Error(resp, err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAnAnswerThatCannotBePrintedIsAFailure(t *testing.T) {
	socket, _ := fakeDaemon(t, api.CtlResponse{Stdout: "value\n"})
	var stderr bytes.Buffer
	code := snapctl.Run([]string{"get", "a"}, snapctl.Env{
		Getenv: func(name string) string { return map[string]string{"PKGD_CTL_SOCKET": socket}[name] },
		Stdout: fullDisk{}, Stderr: &stderr,
	})
	if want := "ctl: cannot write to standard output: no space left on device\n"; code != 1 || stderr.String() != want {
		t.Errorf("exit %d, stderr %q", code, stderr.String())
	}
}
