// Package daemontest runs the real pkgd for tests that stand outside of it. Its
// nouns are [Host], a root with a daemon on it, and [Figures], what the daemon
// takes of the machine. Its rule: it knows of the daemon what a user can know,
// and ends whatever it started.
package daemontest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
)

// Patience ends what hangs; it is no figure to reach.
const Patience = 2 * time.Minute

// Host is a root, and the daemon that runs there.
type Host struct {
	Dirs   dirs.Dirs
	Client *client.Client
	Log    Log
	// Wrap, where set, is the command that runs the daemon's own, which follows
	// it.
	Wrap []string

	t     testing.TB
	bin   string
	cmd   *exec.Cmd
	end   chan struct{} // closed when cmd has ended, with err set
	err   error
	trees int
}

// Log is what a program says; it may be read meanwhile.
type Log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write adds to it.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// New makes a root with a configuration, on which the programs in bin run. All
// users may go into it.
func New(t testing.TB, bin, config string) *Host {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "ph") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := dirs.New(filepath.Join(root, "r"))
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{t: t, bin: bin, Dirs: d, Client: client.New(d.AdminSocket())}
	h.Client.Patience = Patience
	h.Write(d.Config(), config, 0o644)
	t.Cleanup(func() {
		if h.cmd != nil {
			h.Stop()
		}
		h.Client.Close()
	})
	return h
}

// RemoveAll removes a tree in which pkgd has made revisions read-only.
func RemoveAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}

// Write writes a file, and the folders that it lies in.
func (h *Host) Write(path, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
}

// Tree writes a package's folder, every file but the manifest to be run, and
// gives its path.
func (h *Host) Tree(manifest string, files map[string]string) string {
	h.t.Helper()
	h.trees++
	dir := filepath.Join(h.Dirs.Root, "..", "trees", fmt.Sprint(h.trees))
	h.Write(filepath.Join(dir, "meta/pkg.yaml"), manifest, 0o644)
	for name, text := range files {
		h.Write(filepath.Join(dir, name), text, 0o755)
	}
	return dir
}

// Start runs the daemon and waits until it answers.
func (h *Host) Start() {
	h.t.Helper()
	argv := append(append([]string{}, h.Wrap...), filepath.Join(h.bin, "pkgd"), "run", "--root", h.Dirs.Root)
	h.cmd = exec.Command(argv[0], argv[1:]...)
	h.cmd.Stderr = &h.Log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.end = make(chan struct{})
	go func() {
		h.err = h.cmd.Wait()
		close(h.end)
	}()
	if err := h.Client.AwaitDaemon(h.Context()); err != nil {
		h.t.Fatalf("no daemon: %v\n%s", err, h.Log.String())
	}
}

// Context ends when the daemon does: nobody is waited for in vain.
func (h *Host) Context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	h.t.Cleanup(cancel)
	go func() {
		select {
		case <-h.end:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx
}

// Stop ends the daemon as an admin would; it has to end well.
func (h *Host) Stop() {
	h.t.Helper()
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.end:
	case <-time.After(Patience):
		_ = h.cmd.Process.Kill()
		<-h.end
	}
	h.cmd = nil
	if h.err != nil {
		h.t.Errorf("the daemon did not end well: %v", h.err)
	}
	if h.t.Failed() {
		h.t.Log(h.Log.String())
	}
}

// PID is the daemon's.
func (h *Host) PID() int { return h.cmd.Process.Pid }

// Do asks for something to be done to packages and waits for the change to end,
// which has to be done.
func (h *Host) Do(action string, targets ...string) {
	h.t.Helper()
	if chg := h.Try(action, targets...); chg.Status != "Done" {
		h.t.Fatalf("%s %v: %s %s\n%s", action, targets, chg.Status, chg.Err, h.Log.String())
	}
}

// Try asks for something to be done and gives how the change ended.
func (h *Host) Try(action string, targets ...string) api.Change {
	h.t.Helper()
	answer, err := h.Client.Do(h.Context(), api.PackageRequest{Action: action, Targets: targets})
	if err != nil {
		h.t.Fatalf("%s %v: %v\n%s", action, targets, err, h.Log.String())
	}
	chg, err := h.Client.WaitChange(h.Context(), answer.Change)
	if err != nil {
		h.t.Fatalf("%s %v: %v\n%s", action, targets, err, h.Log.String())
	}
	return chg
}

// Eventually asks again and again, with a breath between, until ok.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(Patience); !ok(); {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
