package monitoring_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/tests/daemontest"
	"pkgd.io/pkgd/tests/gate"
)

// host is a pkgd that runs, below a root of its own.
type host struct {
	t     *testing.T
	dir   string // of the test's own files
	root  string
	http  string            // where it answers probes over TCP
	at    map[string]string // port that a page says → address here
	paths []string          // path that a page says, path here, and so on
	env   []string
	log   *daemontest.Log

	rule   gate.Rule // for what is written to disk; nil: no gate
	daemon *exec.Cmd
	stop   func() error
}

// quick are windows for tests, which pages do not speak of.
const quick = "health: {interval: 1h, unhealthy-interval: 1h, settle: 500ms, bake: 100ms}\n"

// newHost runs a pkgd with a page's configuration.
func newHost(t *testing.T, config string, env ...string) *host {
	t.Helper()
	return hostBehind(t, nil, config, env...)
}

// hostBehind is newHost whose writes to disk a rule decides over.
func hostBehind(t *testing.T, rule gate.Rule, config string, env ...string) *host {
	t.Helper()
	h := &host{t: t, dir: shortDir(t), at: map[string]string{}, log: &daemontest.Log{}, rule: rule}
	h.http = h.here("127.0.0.1:8092")
	h.root = filepath.Join(h.dir, "r")
	h.env = append(os.Environ(), "PKGD_ROOT="+h.root, "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1", "LANG=C.UTF-8")
	write(t, filepath.Join(h.root, "etc/pkgd/pkgd.yaml"), h.here(config)+quick, 0o644)
	h.start(env...)
	if strings.Contains(config, ":8092") {
		h.answers("/startupz", 200)
	}
	return h
}

// places are the addresses that pages name: of the machine itself, and of
// machines in examples.
var places = regexp.MustCompile(`\b(?:127\.0\.0\.1|0\.0\.0\.0|192\.0\.2\.[0-9]+):([0-9]+)\b`)

// here gives a page's text with addresses and paths of this host: the same port
// always becomes the same address.
func (h *host) here(text string) string {
	text = places.ReplaceAllStringFunc(text, func(place string) string {
		_, port, _ := strings.Cut(place, ":")
		if h.at[port] == "" {
			h.at[port] = address(h.t)
		}
		return h.at[port]
	})
	return strings.NewReplacer(append(h.paths, "/run/pkgd/", filepath.Join(h.root, "run/pkgd")+"/")...).Replace(text)
}

func (h *host) start(env ...string) {
	h.t.Helper()
	h.daemon = exec.Command(filepath.Join(bin, "pkgd"), "run")
	h.daemon.Env = append(h.env, env...)
	h.daemon.Stdout, h.daemon.Stderr = h.log, h.log
	h.launch()
	daemon := h.daemon
	h.stop = sync.OnceValue(func() error {
		return errors.Join(daemon.Process.Signal(syscall.SIGTERM), daemon.Wait())
	})
	stop := h.stop
	h.t.Cleanup(func() {
		if err := stop(); err != nil {
			h.t.Error(err)
		}
		if h.t.Failed() {
			h.t.Log(h.log.String())
		}
	})
}

// launch starts the daemon, behind its gate if it has one.
func (h *host) launch() {
	h.t.Helper()
	take := func(gate.Rule) (*gate.Gate, error) { return nil, nil }
	var err error
	if h.rule != nil {
		take, err = gate.Behind(h.daemon, unix.SYS_PWRITE64, unix.SYS_FDATASYNC, unix.SYS_FSYNC)
	}
	if err == nil {
		err = h.daemon.Start()
	}
	if err == nil {
		_, err = take(h.rule)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// pkgd runs one command of the admin's; it gives its exit status and output.
func (h *host) pkgd(args ...string) (int, string) {
	h.t.Helper()
	return h.sh(`exec pkgd "$@"`, args...)
}

// sh runs a command line as an admin of this host would.
func (h *host) sh(line string, args ...string) (int, string) {
	h.t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", line, "sh"}, args...)...)
	cmd.Dir, cmd.Env = h.dir, h.env
	return exitOf(h.t, cmd)
}

func exitOf(t *testing.T, cmd *exec.Cmd) (int, string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// must runs a command of the admin's that has to exit with the status.
func (h *host) must(status int, args ...string) string {
	h.t.Helper()
	code, out := h.pkgd(args...)
	if code != status {
		h.t.Fatalf("pkgd %s: exited with %d, not %d\n%s", strings.Join(args, " "), code, status, out)
	}
	return out
}

// hook says what the test last had the package say.
const hook = `#!/bin/sh
if [ -e "$PKG_COMMON/says" ]; then . "$PKG_COMMON/says"; else ctl set-health active; fi
`

// has installs packages whose health tests decide; see says.
func (h *host) has(names ...string) {
	h.t.Helper()
	for _, name := range names {
		h.must(0, "install", h.tree(name, "1.0", hook))
	}
}

// tree is the folder of a package; without a hook it has none.
func (h *host) tree(name, version, hook string) string {
	h.t.Helper()
	dir := filepath.Join(h.dir, name+"-"+version)
	write(h.t, filepath.Join(dir, "meta/pkg.yaml"), fmt.Sprintf("name: %s\nversion: %q\nsummary: A package\n", name, version), 0o644)
	if hook != "" {
		write(h.t, filepath.Join(dir, "meta/hooks/check-health"), hook, 0o755)
	}
	return dir
}

// says has a package's hook run commands from now on, and lets it run.
func (h *host) says(name, commands string) {
	h.t.Helper()
	write(h.t, filepath.Join(h.root, "var/lib/pkgd/data", name, "common/says"), commands+"\n", 0o644)
	if code, out := h.pkgd("check", name); code == 3 && strings.HasPrefix(out, "error:") {
		h.t.Fatal(out)
	}
}

// What packages say.
const (
	well    = `ctl set-health active`
	waiting = `ctl set-health --code=leader-election waiting "Waits for a leader"`
	broken  = `ctl set-health --code=disk-full error "No space left on /var"`
)

// status is what pkgd's own listener answers now, 0 where nobody listens.
func (h *host) status(path string) int { return status("http://" + h.http + path) }

var client = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func status(url string) int {
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// answers awaits that pkgd answers a path with a status.
func (h *host) answers(path string, want int) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("%s answers %d", path, want), func() bool { return h.status(path) == want })
}

// runs starts a tool that runs until the test ends, and what it starts itself.
func (h *host) runs(path string, args ...string) *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command(path, args...)
	out := &daemontest.Log{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.dir, h.env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if h.t.Failed() {
			h.t.Logf("%s: %s", filepath.Base(path), out)
		}
	})
	return cmd
}
