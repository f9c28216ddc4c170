package hostile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/socket/sockettest"
)

// served checks that everybody else gets what they come for: the admin reads and
// changes things, a local user reads, a package's process speaks by ctl, probes
// are answered over TCP, on the unix socket and by the agent.
func (w *world) served(t *testing.T, meanwhile string) {
	t.Helper()
	w.gets(t, meanwhile, "the admin", dialer("unix", w.Dirs.AdminSocket(), ""), request{"GET", "/v1/health", ""})
	w.gets(t, meanwhile, "the admin", dialer("unix", w.Dirs.AdminSocket(), ""), request{"POST", "/v1/packages", `{"action":"hold","targets":["web"]}`})
	w.gets(t, meanwhile, "a hook", dialer("unix", w.Dirs.AdminSocket(), ""), request{"POST", "/v1/health/web", ""})
	w.gets(t, meanwhile, "a probe", dialer("tcp", w.probes, "127.0.0.9"), request{"GET", "/livez", ""})
	w.gets(t, meanwhile, "a probe", dialer("tcp", w.probes, "127.0.0.9"), request{"GET", "/health", ""})
	w.gets(t, meanwhile, "a probe", dialer("unix", w.health, ""), request{"GET", "/readyz", ""})
	w.getsByCtl(t, meanwhile)
	w.getsFromAgent(t, meanwhile)
	if os.Geteuid() == 0 {
		someone := sockettest.Who{UID: 60001, GID: 60001}
		w.gets(t, meanwhile, "a local user", func() (net.Conn, error) { return sockettest.Dial(w.Dirs.AdminSocket(), someone) }, request{"GET", "/v1/packages", ""})
	}
}

// gets asks once, which has to do.
func (w *world) gets(t *testing.T, meanwhile, who string, from dial, q request) {
	t.Helper()
	got, err := exchange(func() (net.Conn, error) { return dialBusy(from) }, q)
	if err != nil || got.Status != 200 {
		t.Errorf("%s: %s got %d %v to %s %s: %.300s", meanwhile, who, got.Status, err, q.Method, q.Path, got.Body)
	}
}

func (w *world) getsByCtl(t *testing.T, meanwhile string) {
	t.Helper()
	body, err := json.Marshal(api.CtlRequest{Cookie: w.cookie, Args: []string{"services"}})
	if err != nil {
		t.Fatal(err)
	}
	w.gets(t, meanwhile, "an app", dialer("unix", w.Dirs.CtlSocket(), ""), request{"POST", "/v1/ctl", string(body)})
}

func (w *world) getsFromAgent(t *testing.T, meanwhile string) {
	t.Helper()
	line, err := readLine(dialer("tcp", w.agent, "127.0.0.9"))
	if line != "ready up 100%\n" {
		t.Errorf("%s: HAProxy got %q %v", meanwhile, line, err)
	}
}

func readLine(from dial) (string, error) {
	c, err := from()
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return bufio.NewReader(c).ReadString('\n')
}

// place is where somebody can connect, and as whom who means harm does so.
type place struct {
	name string
	from dial
	path string // that answers
}

// places are all that the daemon listens on but the agent's, seen by an attacker:
// a user without rights where this process can be one, and root too, which is what
// most hooks are.
func (w *world) places() []place {
	all := []place{
		{"admin socket as root", dialer("unix", w.Dirs.AdminSocket(), ""), "/v1/health"},
		{"ctl socket as root", dialer("unix", w.Dirs.CtlSocket(), ""), "/v1/ctl"},
		{"unix socket of probes", dialer("unix", w.health, ""), "/health"},
		{"TCP", dialer("tcp", w.probes, "127.0.0.66"), "/health"},
	}
	if os.Geteuid() != 0 {
		return all
	}
	for name, socket := range map[string]string{"admin socket": w.Dirs.AdminSocket(), "ctl socket": w.Dirs.CtlSocket()} {
		all = append(all, place{name, func() (net.Conn, error) { return sockettest.Dial(socket, sockettest.Nobody) }, "/v1/health"})
	}
	return all
}

// raw sends bytes, ends its own side where told so, and gives all that comes back.
func raw(from dial, text string, closeWrite bool) (string, error) {
	c, err := from()
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	// Who is refused may be hung up on while still sending.
	_, _ = io.WriteString(c, text)
	if closeWrite {
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return "", err
		}
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// responses are the statuses of the responses in what came back.
func responses(text string) (statuses []int) {
	r := bufio.NewReader(strings.NewReader(text))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return statuses
		}
	}
}

// get is a plain request for a path.
func get(path string) string { return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path) }
