package monitoring_test

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/needs"
)

// unit is one of the page's files, where systemd-analyze finds it.
func unit(t *testing.T, p *page, dir, name string) {
	t.Helper()
	text := strings.NewReplacer("/usr/bin/pkgd", filepath.Join(bin, "pkgd")).Replace(p.file("/etc/systemd/system/" + name))
	write(t, filepath.Join(dir, name), text, 0o644)
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze := needs.Program(t, "systemd-analyze", "systemd")
	p := readPage(t, "systemd")
	h := newHost(t, "")
	for _, name := range []string{"tell-admin@.service", "package-health.service", "package-health.timer", "pkgd.service.d/watch.conf"} {
		unit(t, p, h.dir, name)
	}
	h.paths = []string{"/etc/systemd/system/", h.dir + "/"}
	p.shows(h, "systemd-analyze verify /etc/systemd/system/tell-admin@.service /etc/systemd/system/package-health.service /etc/systemd/system/package-health.timer && echo fine")
	ours := strings.NewReplacer("/usr/bin/pkgd", filepath.Join(bin, "pkgd")).Replace(read(t, "packaging/systemd/pkgd.service"))
	file := write(t, filepath.Join(h.dir, "pkgd.service"), ours, 0o644)
	if code, out := exitOf(t, exec.Command(analyze, "verify", "--man=no", file)); code != 0 || out != "" {
		t.Errorf("with the drop-in: %d %s", code, out)
	}
}

// words are what pkgd says to systemd.
type words struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newWords(t *testing.T) words {
	t.Helper()
	path := filepath.Join(shortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return words{t, conn, path}
}

// next is the next that pkgd says.
func (w words) next() string {
	w.t.Helper()
	if err := w.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		w.t.Fatal(err)
	}
	said := make([]byte, 4096)
	n, err := w.conn.Read(said)
	if err != nil {
		w.t.Fatalf("pkgd says nothing: %v", err)
	}
	return string(said[:n])
}

// await reads on until pkgd says so.
func (w words) await(what string) {
	w.t.Helper()
	for {
		said := w.next()
		for line := range strings.Lines(said + "\n") {
			if strings.TrimSpace(line) == what {
				return
			}
		}
	}
}

// The watchdog is as short here as is bearable under load; the figure of the page
// is looked at, and not waited for.
func TestSystemdHearsThatPkgdLivesHowPackagesAreAndThatItEnds(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`(?m)^WatchdogSec=\d+s$`).MatchString(readPage(t, "systemd").file("/etc/systemd/system/pkgd.service.d/watch.conf")) {
		t.Error("the drop-in has no watchdog")
	}
	w := newWords(t)
	h := newHost(t, "", "NOTIFY_SOCKET="+w.path, fmt.Sprintf("WATCHDOG_USEC=%d", (2*time.Second).Microseconds()))
	w.await("READY=1")
	w.await("WATCHDOG=1")
	h.has("web")
	w.await("STATUS=OK - 1 package: 1 active")
	h.says("web", broken)
	w.await("STATUS=FAULT - 1 package: 1 error")
	w.await("WATCHDOG=1") // a broken package is no reason to be killed
	h.says("web", well)
	w.await("STATUS=OK - 1 package: 1 active")
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	w.await("STOPPING=1")
}
