package ctlcmd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/needs"
	"pkgd.io/pkgd/snapctl"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

func TestWhoDoesNotHoldTheRightCookieIsRefused(t *testing.T) {
	h := newHouse(t)
	dead, cookie := h.open(hookrunner.Spec{Package: "web", UID: uint32(os.Getuid())})
	dead.Close()
	_, foreign := h.open(hookrunner.Spec{Package: "web", UID: uint32(os.Getuid()) + 1})
	for cookie, want := range map[string]outcome{
		"":      refused("no cookie: ctl works inside a hook, a service or an app of a package; in a terminal, use pkgd"),
		cookie:  refused("this cookie is not valid: its run has ended, or it never was one"),
		"guess": refused("this cookie is not valid: its run has ended, or it never was one"),
		foreign: refused("this cookie belongs to another user's process; call ctl as the user that the hook or service runs as"),
	} {
		if got := h.ctlWith(cookie, "set-health", "active"); got != want {
			t.Errorf("%+v; want %+v", got, want)
		}
	}
	if calls := h.backend.heard(); calls != nil {
		t.Errorf("the backend was asked: %v", calls)
	}
}

func TestUsageIsSaidToAnybody(t *testing.T) {
	h := newHouse(t)
	if got := h.ctlWith("", "get"); got.Code != 2 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNotARequestIsAnsweredInTheSameShape(t *testing.T) {
	h := newHouse(t)
	manyArgs := `{"args":["` + strings.Repeat(`a","`, 1024) + `a"]}`
	for _, c := range []struct {
		method, path, body string
		status             int
		stderr             string
	}{
		{"POST", "/v1/other", "{}", 404, `there is nothing at "/v1/other": use POST /v1/ctl`},
		{"GET", "/v1/ctl", "", 405, `method "GET" is not served: use POST`},
		{"POST", "/v1/ctl", "not JSON", 400, `the request is not {"cookie": TEXT, "args": [TEXT, …]}: invalid character 'o' in literal null (expecting 'u')`},
		{"POST", "/v1/ctl", `{"args":"get a"}`, 400, `the request is not {"cookie": TEXT, "args": [TEXT, …]}: json: cannot unmarshal string into Go struct field CtlRequest.args of type []string`},
		{"POST", "/v1/ctl", "{\"args\":[\"a\xff\"]}", 400, "the request is not valid UTF-8: encode other data (base64) first"},
		{"POST", "/v1/ctl", strings.Repeat(" ", snapctl.MaxRequest+1), 413, "the request is larger than 256 KiB: send less at once"},
		{"POST", "/v1/ctl", manyArgs, 400, "the request has more than 1024 arguments: send fewer at once"},
		{"POST", "/v1/ctl", `{"x":` + strings.Repeat(`[`, 20000), 400, `the request is not {"cookie": TEXT, "args": [TEXT, …]}: invalid character '[' exceeded max depth`},
	} {
		status, answer := h.post(c.method, c.path, c.body)
		var resp api.CtlResponse
		if err := json.Unmarshal([]byte(answer), &resp); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
		if want := "ctl: " + c.stderr + "\n"; status != c.status || resp.Stderr != want || resp.ExitCode != 1 {
			t.Errorf("%s %s %.20s: %d %+v; want %d %s", c.method, c.path, c.body, status, resp, c.status, want)
		}
	}
}

func TestARequestWithUnknownKeysIsServed(t *testing.T) {
	h := newHouse(t)
	status, answer := h.post("POST", "/v1/ctl", `{"cookie":"`+h.cookie+`","args":["version"],"stdin":"","later":{"a":[1]}}`)
	if status != 200 || answer != `{"stdout":"1.2.3\n","stderr":"","exit-code":0}`+"\n" {
		t.Errorf("%d %s", status, answer)
	}
}

func TestCurlCanCallTheSocket(t *testing.T) {
	curl := needs.Program(t, "curl", "curl")
	h := newHouse(t)
	out, err := exec.Command(curl, "-sS", "--unix-socket", h.socket, "http://pkgd/v1/ctl",
		"-d", `{"cookie":"`+h.cookie+`","args":["set-health","active"]}`).CombinedOutput()
	if err != nil || string(out) != `{"stdout":"","stderr":"","exit-code":0}`+"\n" {
		t.Errorf("%s %v", out, err)
	}
}

func TestWithoutTheKernelsWordNobodyIsServed(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	handler := ctlcmd.NewHandler(hookrunner.NewContexts(), &fakeBackend{}, log)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/ctl", strings.NewReader(`{"args":["version"]}`)))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "ctl: internal error: the caller's user is not known") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestACallThatWaitsForServicesHoldsUpNoOther(t *testing.T) {
	h := newHouse(t)
	h.backend.services = []api.Service{{Name: "daemon"}}
	h.backend.entered, h.backend.release = make(chan struct{}, 20), make(chan struct{})
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if got := h.ctl("restart", "daemon"); got.Code != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	for range 8 { // as many as run at once
		<-h.backend.entered
	}
	h.expect("set-health active", done(""))
	close(h.backend.release)
	waiting.Wait()
}

func TestAPackagesFloodIsTurnedAwayAndOthersAreServed(t *testing.T) {
	h := newHouse(t)
	h.backend.services = []api.Service{{Name: "daemon"}}
	h.backend.entered, h.backend.release = make(chan struct{}, 300), make(chan struct{})
	busy := make(chan outcome, 300)
	for range 300 {
		go func() { busy <- h.ctl("restart", "daemon") }()
	}
	want := refused("too many calls of this package are waiting: try again in a moment")
	for range 300 - 264 { // all but those inside and waiting
		if got := <-busy; got != want {
			t.Errorf("%+v", got)
		}
	}
	_, cookie := h.open(hookrunner.Spec{Package: "db", UID: uint32(os.Getuid()), App: "sql"})
	if got := h.ctlWith(cookie, "set-health", "active"); got.Code != 0 {
		t.Errorf("another package: %+v", got)
	}
	close(h.backend.release)
	for range 264 {
		if got := <-busy; got.Code != 0 {
			t.Errorf("%+v", got)
		}
	}
}

func TestTenThousandCallsLeaveNothingBehind(t *testing.T) {
	h := newHouse(t)
	before := goleak.IgnoreCurrent()
	var callers sync.WaitGroup
	for n := range 20 {
		callers.Go(func() {
			for i := range 500 {
				if got := h.ctl("set", fmt.Sprintf("k%d=%d", n, i)); got.Code != 0 {
					t.Errorf("%+v", got)
					return
				}
			}
		})
	}
	callers.Wait()
	goleak.VerifyNone(t, before)
	if fds := len(descriptors(t)); fds > 50 {
		t.Errorf("%d descriptors are open", fds)
	}
}

func descriptors(t *testing.T) []os.DirEntry {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return fds
}

func TestACallerThatLeavesEndsItsCall(t *testing.T) {
	h := newHouse(t)
	h.backend.services = []api.Service{{Name: "daemon"}}
	h.backend.entered, h.backend.release = make(chan struct{}, 1), make(chan struct{})
	c, err := net.Dial("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"cookie":"` + h.cookie + `","args":["restart","daemon"]}`
	fmt.Fprintf(c, "POST /v1/ctl HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-h.backend.entered
	c.Close()
	if err := h.srv.Shutdown(t.Context()); err != nil { // returns when the call has ended
		t.Error(err)
	}
}

// FuzzCtlRequest feeds the socket's handler any body: it answers, in its shape,
// and never touches another package.
func FuzzCtlRequest(f *testing.F) {
	for _, args := range []string{`["set-health","error","x","--code=a"]`, `["get","-dt","a.b"]`, `["set","a={\"b\":1}","a.c=2"]`, `["services","web.x"]`, `["--","--"]`, `[]`, `["help","x"]`} {
		f.Add([]byte(`{"cookie":"COOKIE","args":` + args + `}`))
	}
	f.Add([]byte(`{"cookie":1}`))
	contexts := hookrunner.NewContexts()
	_, cookie, err := contexts.Open(hookrunner.Spec{Package: "web", UID: uint32(os.Getuid())})
	if err != nil {
		f.Fatal(err)
	}
	backend := &fakeBackend{services: []api.Service{{Name: "daemon"}}}
	handler := ctlcmd.NewHandler(contexts, backend, slog.New(slog.NewTextHandler(io.Discard, nil)))
	a, b := socketPair(f)
	defer a.Close()
	defer b.Close()
	f.Fuzz(func(t *testing.T, body []byte) {
		body = []byte(strings.ReplaceAll(string(body), "COOKIE", cookie))
		r := httptest.NewRequest("POST", "/v1/ctl", strings.NewReader(string(body)))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(ctlcmd.ConnContext(r.Context(), a)))
		var resp api.CtlResponse
		if err := json.Unmarshal(w.Body.Bytes(), &resp); err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(resp.Stderr, "\n")
		if resp.ExitCode != 0 && (lines != 1 || !strings.HasPrefix(resp.Stderr, "ctl: ")) || resp.ExitCode < 0 || resp.ExitCode > 2 {
			t.Errorf("%+v", resp)
		}
		backend.heard()
	})
}

func socketPair(f *testing.F) (a, b net.Conn) {
	dir := f.TempDir()
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		f.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", dir+"/s"); err != nil {
		f.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		f.Fatal(err)
	}
	return a, b
}

// BenchmarkCall makes whole calls, from connect to answer, as many at once as
// there are processors.
func BenchmarkCall(b *testing.B) {
	h := newHouse(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if got := h.ctl("set-health", "active"); got.Code != 0 {
				b.Errorf("%+v", got)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
