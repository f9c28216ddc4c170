package daemon_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/daemon/socket/sockettest"
)

// listening is a request whose answer does not end.
const listening = "GET /v1/events HTTP/1.0\r\n\r\n"

// hog opens streams until it gets no more of them.
func hog(socket string) (held []net.Conn) {
	for {
		c, err := net.Dial("unix", socket)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, listening)
		line, _ := bufio.NewReader(c).ReadString('\n')
		if !strings.Contains(line, "200") {
			c.Close()
			return held
		}
		held = append(held, c)
	}
}

func hangUp(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

func TestUserWithTooManyRequestsUnderWayIsTurnedAway(t *testing.T) {
	h := start(t)
	held := hog(h.dirs.AdminSocket())
	defer hangUp(held)
	if len(held) != daemon.MaxConnections {
		t.Errorf("%d connections were let in", len(held))
	}
	for range 300 { // none of whom takes the answer for one to no question
		if status, refusal := h.refused("GET", "/v1/health", ""); status != 429 || refusal.Kind != api.ErrBusy {
			t.Fatalf("%d %v", status, refusal)
		}
	}
	// One that ends makes room for another.
	held[0].Close()
	for {
		resp, _ := h.ask("GET", "/v1/health", "")
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
}

func TestConnectionsThatAskNothingGiveWay(t *testing.T) {
	h := start(t)
	for _, socket := range []string{h.dirs.AdminSocket(), h.dirs.CtlSocket()} {
		var held []net.Conn
		defer func() { hangUp(held) }()
		for i := range 5000 {
			c, err := dialBusy(socket)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
			if i%2 == 0 {
				_, _ = io.WriteString(c, "POST /v1/ctl HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
			}
		}
		c := clientOf(socket)
		defer c.CloseIdleConnections()
		if resp, b := h.askAs(c, "POST", "/v1/warnings", `{"action":"okay"}`); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", socket, resp.Status, b)
		}
		if _, err := held[0].Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: the first to come was not hung up on", socket)
		}
	}
}

func TestManyUsersDoNotShutOutRoot(t *testing.T) {
	h := start(t)
	for _, socket := range []string{h.dirs.AdminSocket(), h.dirs.CtlSocket()} {
		var held []net.Conn
		defer func() { hangUp(held) }()
		for i := range 600 {
			c, err := sockettest.Dial(socket, sockettest.Who{UID: 200000 + i, GID: 200000})
			if err != nil {
				t.Skip("needs root, to connect as other users")
			}
			held = append(held, c)
			_, _ = io.WriteString(c, listening)
		}
		c := clientOf(socket)
		defer c.CloseIdleConnections()
		if resp, b := h.askAs(c, "POST", "/v1/warnings", `{"action":"okay"}`); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", socket, resp.Status, b)
		}
	}
}

func TestProcessesOfAPackageDoNotShutOutTheAdmin(t *testing.T) {
	h := start(t)
	cmd := exec.Command("/proc/self/exe") // the daemon's child, as hooks are
	cmd.Env = append(os.Environ(), "PKGD_TEST_ROLE=hog:"+h.dirs.AdminSocket())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "full\n" {
		t.Fatalf("got %q", line)
	}
	h.answer("GET", "/v1/health", "", nil)
}

func TestCtlSaysInItsOwnFormThatThereAreTooMany(t *testing.T) {
	wait := make(chan struct{})
	h := startWith(t, newFake(), func(o *daemon.Options) {
		o.Ctl = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-wait })
	})
	defer close(wait)
	// Each waits for ever, or is told. Some may have to go before their request
	// has been read, so that it takes a few more than there is room for.
	told := make(chan *http.Response, 1)
	for {
		c, err := sockettest.Dial(h.dirs.CtlSocket(), sockettest.Nobody)
		if err != nil {
			t.Skip("needs root, to connect as other users")
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		go func() {
			if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				select {
				case told <- resp:
				default:
				}
			}
		}()
		select {
		case resp := <-told:
			checkTooMany(t, resp)
			return
		default:
		}
	}
}

func checkTooMany(t *testing.T, resp *http.Response) {
	var said api.CtlResponse
	b, _ := io.ReadAll(resp.Body)
	strict(t, b, &said)
	if resp.StatusCode != 429 || said.ExitCode != 1 || said.Stderr != "ctl: pkgd has too many callers at once: try again in a moment\n" {
		t.Errorf("%s: %s", resp.Status, b)
	}
}
