// Package world runs the real pkgd on a root of its own, for tests that end it
// in bad ways and look at what the next one makes of that. Its nouns: a [World]
// is a root, the daemon that runs there, and the package web, whose version V
// has a service that brings its data forward to V.
//
// Its rule: a wait ends when the daemon does, or after a minute; nobody is
// waited for in vain, and nothing here sleeps.
package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/tests/daemontest"
	"pkgd.io/pkgd/tests/gate"
)

// patience bounds what a hung daemon could hold up; it is no figure to reach.
const patience = time.Minute

// settling bounds the wait for a host that comes to none of the states that it
// may come to.
const settling = 30 * time.Second

// World is a root with the daemon that runs there.
type World struct {
	testing.TB
	Dirs   dirs.Dirs
	Pkgs   string // folder of the package trees that tests install
	Client *client.Client
	Said   *daemontest.Log // what the daemon says on stderr
	Gate   *gate.Gate      // nil where the daemon runs behind none
	Cmd    *exec.Cmd       // nil: no daemon runs
	Blind  []string        // facts that have one of these in them are in no view

	bin  string        // folder of the programs under test
	end  chan struct{} // closed when Cmd has ended, with err set
	err  error
	left bool // something may run that a daemon has left behind
}

// New makes a world of a root, on which a package may be installed already. What
// runs there at the test's end is killed.
func New(t testing.TB, bin, root, pkgs string) *World {
	t.Helper()
	d, err := dirs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{TB: t, Dirs: d, Pkgs: pkgs, Client: client.New(d.AdminSocket()), Said: &daemontest.Log{}, bin: bin}
	t.Cleanup(func() {
		w.Kill()
		w.Client.Close()
	})
	return w
}

// Start runs the daemon, with these system calls held at its gate.
func (w *World) Start(calls ...int) {
	w.Helper()
	if err := w.TryStart(calls...); err != nil {
		w.Fatalf("no daemon: %v\n%s", err, w.Said)
	}
}

// TryStart gives what the client says where no daemon comes up.
func (w *World) TryStart(calls ...int) error {
	w.Helper()
	w.Launch(gate.LetThrough, calls...)
	return w.Up()
}

// Up waits until the daemon answers, or has ended. A process that one before it
// was just starting may hold that one's socket for a moment, and let go of it
// without an answer: then it asks again.
func (w *World) Up() error {
	ctx := w.Ctx()
	for {
		err := w.Client.AwaitDaemon(ctx)
		if err == nil || ctx.Err() != nil || !w.Alive() {
			return err
		}
	}
}

// Launch runs the daemon with a rule at its gate from the first call on, and
// does not wait until it listens.
func (w *World) Launch(rule gate.Rule, calls ...int) {
	w.Helper()
	keep := w.Prepare(calls...)
	if err := w.Cmd.Start(); err != nil {
		w.Fatal(err)
	}
	keep(rule)
	w.Await()
}

// Prepare makes the command that runs the daemon. When it has been started, keep
// takes charge of its gate.
func (w *World) Prepare(calls ...int) (keep func(gate.Rule)) {
	w.Helper()
	w.Cmd = exec.Command(filepath.Join(w.bin, "pkgd"), "run", "--root", w.Dirs.Root)
	w.Cmd.Env, w.Cmd.Stderr = os.Environ(), w.Said
	w.Gate = nil
	if len(calls) == 0 {
		return func(gate.Rule) {}
	}
	take, err := gate.Behind(w.Cmd, calls...)
	if err != nil {
		w.Fatal(err)
	}
	return func(rule gate.Rule) {
		if w.Gate, err = take(rule); err != nil {
			w.Fatalf("%v\n%s", err, w.Said)
		}
	}
}

// Await notes the end of Cmd, which has been started.
func (w *World) Await() {
	w.left = true
	cmd, end := w.Cmd, make(chan struct{})
	w.end = end
	go func() {
		w.err = cmd.Wait()
		close(end)
	}()
}

// Ctx ends when the daemon does.
func (w *World) Ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.Cleanup(cancel)
	end := w.end
	go func() {
		select {
		case <-end:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx
}

// Died waits for the daemon's end and tells whether a signal killed it.
func (w *World) Died() bool {
	<-w.end
	w.Cmd = nil
	var exit *exec.ExitError
	return errors.As(w.err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
}

// Alive tells whether the daemon runs.
func (w *World) Alive() bool {
	select {
	case <-w.end:
		return false
	default:
		return true
	}
}

// Kill ends the daemon and all that it started, as the loss of power does.
func (w *World) Kill() {
	if w.Cmd != nil {
		_ = w.Cmd.Process.Kill()
		w.Died()
	}
	if !w.left {
		return
	}
	for pids := w.Processes(); len(pids) > 0; pids = w.Processes() {
		for _, pid := range pids {
			end(pid)
		}
	}
}

// end kills a process and waits until it is dead; one that is gone is no error.
func end(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
}

// Stop ends the daemon as an admin would.
func (w *World) Stop() {
	w.Helper()
	if err := w.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.Fatal(err)
	}
	if w.Died(); w.err != nil {
		w.Fatalf("the daemon did not end by itself: %v\n%s", w.err, w.Said)
	}
	w.left = false
}

// Eventually asks again and again; the bound is there to end a hopeless test.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Write makes a file, and the folders above it.
func (w *World) Write(path, text string, mode os.FileMode) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.Fatal(err)
	}
}

// Read gives what is in a file, or why that cannot be told.
func (w *World) Read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}

// Processes are those that run out of this root.
func (w *World) Processes() (pids []int) {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		var pid int
		if _, err := fmt.Sscanf(p, "/proc/%d", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		cmd, env := w.Read(p+"/cmdline"), w.Read(p+"/environ")
		if strings.Contains(cmd, w.Dirs.Root+"/") || strings.Contains(env, "="+w.Dirs.Root+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}
