package monitoring_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/daemontest"
)

// terminal is a pseudo-terminal of 80 columns with a person before it.
type terminal struct {
	keys, screen *os.File
	shown        *daemontest.Log
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	fd := int(keys.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	term := &terminal{keys, screen, &daemontest.Log{}}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := keys.Read(buffer)
			if err != nil {
				return // the other end is closed
			}
			_, _ = term.shown.Write(buffer[:n])
		}
	}()
	return term
}

// types has the person run a command, as the one that the terminal is of.
func (term *terminal) types(h *host, args ...string) *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "pkgd"), args...)
	cmd.Dir, cmd.Env = h.dir, append(h.env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.screen, term.screen, term.screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

var redrawn = regexp.MustCompile(`\x1b\[\d+A\x1b\[J`)

// pictures are what was on the screen, one after the other.
func (term *terminal) pictures() []string {
	return redrawn.Split(strings.ReplaceAll(term.shown.String(), "\r\n", "\n"), -1)
}

func (term *terminal) shows(h *host, what string) {
	h.t.Helper()
	eventually(h.t, "the screen shows "+what, func() bool {
		all := term.pictures()
		return strings.Contains(all[len(all)-1], what)
	})
}

func TestWatchingAtATerminalIsLiveQuietAndFits(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	h.has("web", "a-package-whose-name-is-quite-long")
	term := newTerminal(t)
	watch := term.types(h, "health", "--watch")
	term.shows(h, "OK - 2 packages: 2 active")
	h.says("web", `ctl set-health --code=disk-full error "No space left on a volume whose name alone is far longer than what is left of a line of eighty columns"`)
	term.shows(h, "FAULT - 2 packages: 1 active, 1 error")
	term.shows(h, "…")
	h.must(0, "check", "a-package-whose-name-is-quite-long") // and nothing comes of it
	h.says("web", waiting)
	term.shows(h, "DEGRADED - 2 packages")
	h.says("web", well)
	term.shows(h, "OK - 2 packages: 2 active")
	if _, err := term.keys.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
	all := term.pictures()
	for i, picture := range all {
		if i > 0 && picture == all[i-1] {
			t.Errorf("drawn again, and nothing had changed:\n%s", picture)
		}
		for line := range strings.Lines(picture) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("a line of more than 80 columns: %q", line)
			}
		}
	}
	if strings.Contains(term.shown.String(), "\x1b[3") { // a colour, and NO_COLOR is set
		t.Errorf("got %q", term.shown)
	}
}

func TestWatchingIntoAPipeIsALineATransitionAndNoMore(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	h.has("web")
	out := &daemontest.Log{}
	watch := exec.Command(filepath.Join(bin, "pkgd"), "health", "--watch")
	watch.Dir, watch.Env, watch.Stdout = h.dir, h.env, out
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watch.Process.Kill() })
	eventually(t, "the picture", func() bool { return strings.Contains(out.String(), "OK - 1 package: 1 active | active=1") })
	// Whoever has just begun to watch may miss what happens meanwhile, and is told
	// of the next.
	eventually(t, "a line of a transition", func() bool {
		h.says("web", broken)
		h.says("web", well)
		return strings.Contains(out.String(), "web error → active")
	})
	for range 5 {
		h.must(0, "check", "web") // and nothing comes of it
	}
	if err := watch.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	_, lines, _ := strings.Cut(out.String(), "web   1.0")
	line := regexp.MustCompile(`^\S+Z web (active → error  disk-full: No space left on /var|error → active)$`)
	for i, got := range strings.Split(strings.TrimSpace(lines), "\n") {
		if i > 0 && !line.MatchString(got) {
			t.Errorf("got line %q", got)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("got %q", out)
	}
}
