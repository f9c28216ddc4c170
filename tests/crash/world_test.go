package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
)

// world is a root with the package web on it, and the daemon that runs there.
type world struct {
	t    *testing.T
	dirs dirs.Dirs
	pkgs string // folder of the package trees that tests install
	ctl  string
	cmd  *exec.Cmd
	end  chan struct{} // closed when cmd has ended, with err set
	err  error
	log  bytes.Buffer
	c    *client.Client
}

func newWorld(t *testing.T, ctl string) *world {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", "pc") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d, err := dirs.New(filepath.Join(top, "r"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dirs: d, pkgs: filepath.Join(top, "p"), ctl: ctl, c: client.New(d.AdminSocket())}
	t.Cleanup(func() {
		w.kill()
		w.c.Close()
		removeAll(top)
	})
	w.write(d.Config(), "health: {interval: 1h, settle: 300ms, bake: 0s}\n", 0o644)
	return w
}

func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
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

// pack writes a package tree: version v, whose service writes v into its data,
// and whose check-health says health.
func (w *world) pack(v, health string) string {
	dir := filepath.Join(w.pkgs, v)
	w.write(dir+"/meta/pkg.yaml", fmt.Sprintf("name: web\nversion: %q\nsummary: A web server\nservices:\n  serve: {command: bin/serve, ready: {exec: bin/ready}}\n", v), 0o644)
	w.write(dir+"/meta/hooks/check-health", "#!/bin/sh\nctl set-health "+health+"\n", 0o755)
	w.write(dir+"/meta/hooks/post-refresh", "#!/bin/sh\nctl set port="+v+"\n", 0o755)
	w.write(dir+"/bin/ready", "#!/bin/sh\n[ -s $PKG_DATA/schema ]\n", 0o755)
	w.write(dir+"/bin/serve", "#!/bin/sh\n"+migrate(v)+"while :; do sleep 1000; done\n", 0o755)
	return dir
}

// migrate is what a service does to its data before it serves: forward only, so
// that an old one does not paint over what a newer one left.
func migrate(v string) string {
	return "[ $(cat $PKG_DATA/schema 2>/dev/null || echo 0) -ge " + v + " ] || { echo " + v + " >$PKG_DATA/new && mv $PKG_DATA/new $PKG_DATA/schema; }\n"
}

// start runs the daemon, to die at a step or, with 0, to live.
func (w *world) start(death int) {
	w.t.Helper()
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Env = append(os.Environ(), rootVar+"="+w.dirs.Root, ctlVar+"="+w.ctl, deathVar+"="+strconv.Itoa(death))
	w.cmd.Stderr = &w.log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.end = make(chan struct{})
	go func() {
		w.err = w.cmd.Wait()
		close(w.end)
	}()
	if err := w.c.AwaitDaemon(w.ctx()); err != nil && death == 0 {
		w.t.Fatalf("no daemon: %v\n%s", err, w.log.String())
	}
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

// died waits for the daemon's end and tells whether a signal killed it.
func (w *world) died() bool {
	<-w.end
	w.cmd = nil
	var exit *exec.ExitError
	return errors.As(w.err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
}

func (w *world) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		w.died()
	}
}

// stop ends the daemon as an admin would.
func (w *world) stop() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	if w.died() {
		w.t.Fatalf("the daemon did not end by itself\n%s", w.log.String())
	}
}

// do asks for something and waits for the change; a daemon that dies meanwhile
// is no failure, the answer is then empty.
func (w *world) do(req api.PackageRequest) api.Change {
	w.t.Helper()
	answer, err := w.c.Do(w.ctx(), req)
	if err != nil {
		return api.Change{}
	}
	chg, err := w.c.WaitChange(w.ctx(), answer.Change)
	if err != nil {
		return api.Change{}
	}
	return chg
}

// settle waits until no change is under way and gives the newest of a kind.
func (w *world) settle(kind string) (api.Change, bool) {
	w.t.Helper()
	list, err := w.c.Changes(w.ctx())
	if err != nil {
		w.t.Fatalf("cannot list changes: %v\n%s", err, w.log.String())
	}
	for _, chg := range list {
		if chg, err = w.c.WaitChange(w.ctx(), chg.ID); err != nil {
			w.t.Fatalf("change %s does not end: %v\n%s", chg.ID, err, w.log.String())
		}
	}
	for _, chg := range list {
		if chg.Kind == kind {
			chg, err = w.c.Change(w.ctx(), chg.ID)
			return chg, err == nil
		}
	}
	return api.Change{}, false
}

func (w *world) changesOf(kind string) (found []api.Change) {
	w.t.Helper()
	list, err := w.c.Changes(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, chg := range list {
		if chg.Kind == kind {
			found = append(found, chg)
		}
	}
	return found
}

// awaitService waits until the service that a start of pkgd brings back is up; a
// start does not wait for it.
func (w *world) awaitService() {
	w.t.Helper()
	for ctx := w.ctx(); ctx.Err() == nil; {
		list, err := w.c.Services(ctx, []string{"web"})
		if err == nil && len(list) == 1 && list[0].State == "active" {
			return
		}
	}
	w.t.Fatalf("the service does not come up\n%s", w.log.String())
}

// serving counts the instances of the service, by what the kernel runs. A
// shell's fork of itself belongs to the instance that it was forked from.
func (w *world) serving() (n int, version string) {
	revs := map[string]string{} // by pid
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		for word := range strings.SplitSeq(w.read(p+"/cmdline"), "\x00") {
			if strings.HasPrefix(word, w.dirs.Packages()) && strings.HasSuffix(word, "/bin/serve") {
				revs[filepath.Base(p)] = filepath.Base(filepath.Dir(filepath.Dir(word)))
			}
		}
	}
	for pid, rev := range revs {
		if _, forked := revs[w.parent(pid)]; !forked {
			n++
			version = rev
		}
	}
	return n, version
}

func (w *world) parent(pid string) string {
	_, rest, _ := strings.Cut(w.read("/proc/"+pid+"/stat"), ") ")
	if f := strings.Fields(rest); len(f) > 1 {
		return f[1]
	}
	return ""
}

func (w *world) read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}
