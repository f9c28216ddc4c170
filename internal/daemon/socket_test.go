package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/dirs"
)

func TestSocketsAreThereForEveryUserAndGoWithTheDaemon(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	h := start(t)
	sockets := []string{h.dirs.AdminSocket(), h.dirs.CtlSocket()}
	for _, path := range sockets {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != os.ModeSocket|0o666 {
			t.Errorf("%s: %s", path, got)
		}
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(h.dirs.Run()); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCtlSocketAnswers(t *testing.T) {
	h := start(t)
	c := clientOf(h.dirs.CtlSocket())
	defer c.CloseIdleConnections()
	if _, b := h.askAs(c, "POST", "/v1/ctl", "{}"); string(b) != "ctl" {
		t.Errorf("got %q", b)
	}
}

func TestSocketOfADeadDaemonIsReplaced(t *testing.T) {
	d := shortDirs(t)
	if err := os.MkdirAll(d.Run(), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.AdminSocket(), filepath.Join(d.Run(), "~p")} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
	}
	if err := serveOnce(t, d, nil); err != nil {
		t.Error(err)
	}
}

// serveOnce serves until the sockets are open, calls meanwhile, stops, and gives
// what Serve returned.
func serveOnce(t *testing.T, d dirs.Dirs, meanwhile func()) error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dm, ended := daemon.NewFor(newFake().options(d)), make(chan error, 1)
	go func() { ended <- dm.Serve(ctx) }()
	select {
	case <-dm.Listening():
	case err := <-ended:
		return err
	}
	if meanwhile != nil {
		meanwhile()
	}
	cancel()
	return <-ended
}

func TestSecondDaemonIsRefusedWithThePidOfTheFirst(t *testing.T) {
	h := start(t)
	err := serveOnce(t, h.dirs, nil)
	want := fmt.Sprintf("cannot listen on %s: another daemon, pid %d, listens there; stop it or choose another --root", h.dirs.AdminSocket(), os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	h.answer("GET", "/v1/packages", "", nil) // the first is unharmed
}

func TestFileInTheWayIsNotRemoved(t *testing.T) {
	d := shortDirs(t)
	if err := os.MkdirAll(d.Run(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.CtlSocket(), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := serveOnce(t, d, nil)
	if err == nil || !strings.Contains(err.Error(), "is in the way and is no socket; move it away") {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(d.CtlSocket()); string(b) != "precious" {
		t.Errorf("got %q", b)
	}
	if _, err := os.Stat(d.AdminSocket()); err == nil {
		t.Error("the other socket was left behind")
	}
}

func TestSocketOfTheNextDaemonSurvivesTheEndOfThisOne(t *testing.T) {
	d := shortDirs(t)
	var next net.Listener
	err := serveOnce(t, d, func() {
		os.Remove(d.AdminSocket())
		var err error
		if next, err = net.Listen("unix", d.AdminSocket()); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := os.Stat(d.AdminSocket()); err != nil {
		t.Error(err)
	}
}

func TestDaemonEndsWithAnErrorWhenASocketFails(t *testing.T) {
	for _, name := range []string{"admin", "ctl"} {
		dm := daemon.NewFor(newFake().options(shortDirs(t)))
		err := dm.ServeWithBroken(context.Background(), name)
		if want := "cannot go on listening on the " + name + " socket: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestDaemonStopsThoughClientsSaidNothingOrHalf(t *testing.T) {
	h := start(t)
	for _, said := range []string{"", "GET /v1/health HTT"} {
		c, err := net.Dial("unix", h.dirs.AdminSocket())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, said); err != nil {
			t.Fatal(err)
		}
	}
	h.answer("GET", "/v1/health", "", nil)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
}

func TestHTTP10WithoutHostIsAnswered(t *testing.T) {
	h := start(t)
	c, err := net.Dial("unix", h.dirs.AdminSocket())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /v1/packages HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "200 OK") {
		t.Errorf("got %q", line)
	}
}
