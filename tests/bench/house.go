package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/disk"
)

// house is a root, and the daemon that may run on it.
type house struct {
	bin   string // folder of pkgd and ctl
	dirs  dirs.Dirs
	cmd   *exec.Cmd // nil: no daemon runs
	began time.Time // just before the daemon was started
	log   log
}

// log is what a daemon writes to its stderr. Somebody keeps that, so its bytes
// count.
type log struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newHouse makes a root below a folder, with a configuration.
func newHouse(bin, folder, config string) (*house, error) {
	root, err := os.MkdirTemp(folder, "r")
	if err != nil {
		return nil, err
	}
	d, err := dirs.New(root)
	if err != nil {
		return nil, err
	}
	h := &house{bin: bin, dirs: d}
	return h, h.configure(config)
}

func (h *house) configure(text string) error {
	if err := os.MkdirAll(filepath.Dir(h.dirs.Config()), 0o755); err != nil {
		return err
	}
	return os.WriteFile(h.dirs.Config(), []byte(text), 0o644)
}

// copyOf is a house like h, which has no daemon now.
func copyOf(h *house, folder string) (*house, error) {
	other, err := newHouse(h.bin, folder, "")
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("cp", "-a", h.dirs.Root+"/.", other.dirs.Root).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("cannot copy %s: %s", h.dirs.Root, out)
	}
	return other, nil
}

func (h *house) remove() error { return disk.RemoveTree(h.dirs.Root) }

func (h *house) pid() int { return h.cmd.Process.Pid }

func (h *house) client() *client.Client { return client.New(h.dirs.AdminSocket()) }

// pkgd is the command line on this root.
func (h *house) pkgd(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(h.bin, "pkgd"), append([]string{args[0], "--root", h.dirs.Root}, args[1:]...)...)
}

// start runs the daemon and gives how long it took from the exec until it
// answered a request.
func (h *house) start() (time.Duration, error) {
	h.cmd = h.pkgd("run")
	h.cmd.Stderr = &h.log
	h.began = time.Now()
	return startUntilAnswering(h.cmd, h.dirs.AdminSocket())
}

// stop ends the daemon as an admin would, and gives how long that took.
func (h *house) stop() (time.Duration, error) {
	cmd := h.cmd
	h.cmd = nil
	return terminate(cmd)
}

// close is stop for who is leaving anyway.
func (h *house) close() {
	if h.cmd != nil {
		_, _ = h.stop()
	}
	_ = h.remove()
}

// install puts packages in, a few at a time.
func (h *house) install(trees []string) error {
	const atOnce = 10
	for len(trees) > 0 {
		n := min(atOnce, len(trees))
		if out, err := h.pkgd(append([]string{"install"}, trees[:n]...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("cannot install: %v\n%s%s", err, out, h.log.String())
		}
		trees = trees[n:]
	}
	return nil
}

// startUntilAnswering starts a daemon and asks on its socket until it answers.
func startUntilAnswering(cmd *exec.Cmd, socket string) (time.Duration, error) {
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if err := awaitAnswer(socket); err != nil {
		return 0, fmt.Errorf("%s does not answer: %w", strings.Join(cmd.Args, " "), err)
	}
	return time.Since(began), nil
}

// awaitAnswer asks on a socket until somebody answers.
func awaitAnswer(socket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialUntilThere(ctx, socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pkgd/v1/health", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// dialUntilThere looks often enough that its own pace does not show.
func dialUntilThere(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "unix", socket)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// terminate sends SIGTERM and waits for the end.
func terminate(cmd *exec.Cmd) (time.Duration, error) {
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := cmd.Wait()
	return time.Since(began), err
}
