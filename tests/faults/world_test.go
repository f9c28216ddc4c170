package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
)

// world is a root on a disk of its own, and the daemon that runs there.
type world struct {
	t    *testing.T
	disk *disk
	dirs dirs.Dirs
	pkgs string // folder of the package trees, on another disk
	cmd  *exec.Cmd
	gate *gate
	end  chan struct{} // closed when cmd has ended, with err set
	err  error
	log  journal
	c    *client.Client
}

// journal is what the daemon says on stderr.
type journal struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", "pf") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	w := onDisk(t, newDisk(t, kind, top))
	w.write(w.dirs.Config(), "health: {interval: 1h, settle: 300ms, bake: 0s}\nservices: embedded\n", 0o644)
	return w
}

// again gives the world as it was when its disk was kept.
func (w *world) again(t *testing.T) *world {
	t.Helper()
	return onDisk(t, w.disk.again(t))
}

func onDisk(t *testing.T, disk *disk) *world {
	t.Helper()
	d, err := dirs.New(filepath.Join(disk.dir, "r"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, disk: disk, dirs: d, pkgs: filepath.Join(filepath.Dir(disk.dir), "p"), c: client.New(d.AdminSocket())}
	t.Cleanup(func() {
		w.kill()
		w.c.Close()
	})
	return w
}

func (w *world) write(path, text string, mode os.FileMode) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

const (
	well   = "ctl set-health active"
	broken = "ctl set-health error --code=schema-too-new Broken"
)

// pack writes a package tree: version v, whose service brings its data forward
// to v, with this line of shell for its health.
func (w *world) pack(v, health string) string {
	dir := filepath.Join(w.pkgs, v)
	w.write(dir+"/meta/pkg.yaml", fmt.Sprintf("name: web\nversion: %q\nsummary: A web server\nservices:\n  serve: {command: bin/serve, ready: {exec: bin/ready}}\n", v), 0o644)
	w.write(dir+"/meta/hooks/check-health", "#!/bin/sh\n"+health+"\n", 0o755)
	w.write(dir+"/meta/hooks/install", "#!/bin/sh\nctl set port="+v+"\n", 0o755)
	w.write(dir+"/meta/hooks/post-refresh", "#!/bin/sh\nctl set port="+v+"\n", 0o755)
	w.write(dir+"/bin/ready", "#!/bin/sh\n[ -s $PKG_DATA/schema ]\n", 0o755)
	w.write(dir+"/bin/serve", "#!/bin/sh\n"+migrate(v)+"while :; do sleep 1000; done\n", 0o755)
	return dir
}

func migrate(v string) string {
	return "[ $(cat $PKG_DATA/schema 2>/dev/null || echo 0) -ge " + v + " ] || { echo " + v + " >$PKG_DATA/new && sync $PKG_DATA/new && mv $PKG_DATA/new $PKG_DATA/schema; }\n"
}

// start runs the daemon, with these system calls held at its gate.
func (w *world) start(calls ...int) {
	w.t.Helper()
	if err := w.tryStart(calls...); err != nil {
		w.t.Fatalf("no daemon: %v\n%s", err, w.log.String())
	}
}

// tryStart gives what the client says where no daemon comes up.
func (w *world) tryStart(calls ...int) error {
	w.t.Helper()
	keep := w.prepare(calls...)
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.gate = keep(w.t)
	w.await(w.cmd)
	return w.c.AwaitDaemon(w.ctx())
}

// prepare makes the command that runs the daemon.
func (w *world) prepare(calls ...int) (keep func(*testing.T) *gate) {
	w.t.Helper()
	w.cmd = exec.Command(filepath.Join(bin, "pkgd"), "run", "--root", w.dirs.Root)
	w.cmd.Env, w.cmd.Stderr = os.Environ(), &w.log
	keep = func(*testing.T) *gate { return nil }
	if len(calls) > 0 {
		var err error
		if keep, err = behindGate(w.cmd, calls...); err != nil {
			w.t.Fatal(err)
		}
	}
	return keep
}

func (w *world) await(cmd *exec.Cmd) {
	end := make(chan struct{})
	w.end = end
	go func() {
		w.err = cmd.Wait()
		close(end)
	}()
}

// ctx ends when the daemon does: nobody is waited for in vain. It bounds what a
// hung daemon could hold up, which is no figure to reach.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.t.Cleanup(cancel)
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

// kill ends the daemon and all that it started, as the loss of power does.
func (w *world) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		<-w.end
		w.cmd = nil
	}
	for pids := w.processes(); len(pids) > 0; pids = w.processes() {
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

// stop ends the daemon as an admin would.
func (w *world) stop() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	<-w.end
	w.cmd = nil
	var exit *exec.ExitError
	if errors.As(w.err, &exit) {
		w.t.Fatalf("the daemon did not end by itself: %v\n%s", w.err, w.log.String())
	}
}

// ask asks for something to be done to web and waits for the change to end.
func (w *world) ask(action, target string) (api.Change, error) {
	w.t.Helper()
	answer, err := w.c.Do(w.ctx(), api.PackageRequest{Action: action, Targets: []string{target}})
	if err != nil {
		return api.Change{}, err
	}
	return w.c.WaitChange(w.ctx(), answer.Change)
}

// installed puts web 41 on the world, with its configuration.
func (w *world) installed() {
	w.t.Helper()
	w.start()
	chg, err := w.ask("install", w.pack("41", well))
	if err != nil || chg.Status != "Done" {
		w.t.Fatalf("cannot install: %+v %v\n%s", chg, err, w.log.String())
	}
	id, err := w.c.SetConfig(w.ctx(), "web", api.ConfigRequest{"port": []byte("41")})
	if err != nil {
		w.t.Fatal(err)
	}
	if chg, err := w.c.WaitChange(w.ctx(), id); err != nil || chg.Status != "Done" {
		w.t.Fatalf("cannot set: %+v %v\n%s", chg, err, w.log.String())
	}
	w.stop()
}

// settle waits until no change is under way and gives the newest of a kind.
func (w *world) settle(kind string) (newest api.Change, found bool) {
	w.t.Helper()
	list, err := w.c.Changes(w.ctx())
	if err != nil {
		w.t.Fatalf("cannot list changes: %v\n%s", err, w.log.String())
	}
	for _, chg := range list {
		if chg, err = w.c.WaitChange(w.ctx(), chg.ID); err != nil {
			w.t.Fatalf("change %s does not end: %v\n%s", chg.ID, err, w.log.String())
		}
		if chg.Kind == kind && !found {
			newest, found = chg, true
		}
	}
	return newest, found
}

// processes are those that run out of this root.
func (w *world) processes() (pids []int) {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		var pid int
		if _, err := fmt.Sscanf(p, "/proc/%d", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		cmd, env := w.read(p+"/cmdline"), w.read(p+"/environ")
		if strings.Contains(cmd, w.dirs.Root+"/") || strings.Contains(env, "="+w.dirs.Root+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (w *world) read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}
