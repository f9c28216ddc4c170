package truth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/tests/daemontest"
)

// patience bounds whatever is waited for: a thing that takes longer hangs.
const patience = time.Minute

// config lets no run at rest fall into a history by itself.
const config = "services: embedded\nretain: %d\nhealth: {interval: 12h, unhealthy-interval: 12h, settle: 0s, bake: 0s}\nstores: [%s]\nrefresh: {schedule: 8000h}\n"

// tail is how much of the daemon's log is shown.
const tail = 20000

// told is done once the first failure was shown.
var told sync.Once

// world is a root with the daemon on it, and a folder in which the packages look
// for what they are to do.
type world struct {
	rapid.TB
	history chronicle
	deed    int // that happens now, from 1

	top   string
	dirs  dirs.Dirs
	cmd   *exec.Cmd // nil: no daemon runs
	log   daemontest.Log
	fresh bool // the daemon was started in this deed
	c     *client.Client
	pipes map[string]*os.File // at- and go-: held-up hooks are there, and go on; app- and said-: what services are to call, and how that ended
}

func newWorld(t rapid.TB, history []deed) *world {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", "pt") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatalf("%v", err)
	}
	d, err := dirs.New(filepath.Join(top, "r"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	w := &world{TB: t, history: history, top: top, dirs: d, c: client.New(d.AdminSocket()), pipes: map[string]*os.File{}}
	w.write("lib.sh", fmt.Sprintf(lib, top))
	w.must(os.Mkdir(w.store(), 0o755))
	w.configure(retain)
	for name := range newModel() {
		for _, fifo := range []string{"at-", "go-", "app-", "said-"} {
			w.must(unix.Mkfifo(filepath.Join(top, fifo+name), 0o600))
			w.pipes[fifo+name], err = os.OpenFile(filepath.Join(top, fifo+name), os.O_RDWR|unix.O_NONBLOCK, 0)
			w.must(err)
		}
	}
	w.start()
	return w
}

// end leaves nothing behind.
func (w *world) end() {
	w.signal(syscall.SIGTERM)
	w.c.Close()
	for _, f := range w.pipes {
		_ = f.Close()
	}
	_ = filepath.WalkDir(w.top, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
	_ = os.RemoveAll(w.top)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.fail("%v", err)
	}
}

// fail ends the history. What it fails with is always the same, lest a shorter
// history counts as another failure and is not looked for; the log says more.
func (w *world) fail(format string, args ...any) {
	w.Helper()
	differed.Store(true)
	log := w.log.String()
	text := fmt.Sprintf("deed %d of\n%s%s\nlog:\n%s", w.deed, w.history, fmt.Sprintf(format, args...), log[max(0, len(log)-tail):])
	w.Logf("%s", text)
	told.Do(func() { fmt.Fprintln(os.Stderr, text) }) // one that does not come again would leave no trace
	w.Fatalf("pkgd and the model differ")
}

// write puts a file into the world's folder, whole: a hook may be reading it.
func (w *world) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.top, name)
	w.must(write(path+"~", text))
	w.must(os.Rename(path+"~", path))
}

// there sees to it that a file is in the world's folder, or is not.
func (w *world) there(name string, there bool) {
	w.Helper()
	if !there {
		w.clear(name)
	} else if _, err := os.Stat(filepath.Join(w.top, name)); err != nil {
		w.write(name, "")
	}
}

// clear takes files of the world's folder away.
func (w *world) clear(glob string) {
	w.Helper()
	found, err := filepath.Glob(filepath.Join(w.top, glob))
	w.must(err)
	for _, path := range found {
		w.must(os.Remove(path))
	}
}

func (w *world) start() {
	w.Helper()
	w.fresh = true
	w.cmd = exec.Command(filepath.Join(bin, "pkgd"), "run", "--root", w.dirs.Root)
	w.cmd.Stderr = &w.log
	w.must(w.cmd.Start())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.must(w.c.AwaitDaemon(ctx))
}

// signal ends the daemon, and waits for its end.
func (w *world) signal(sig syscall.Signal) {
	if w.cmd == nil {
		return
	}
	cmd := w.cmd
	w.cmd = nil
	_ = cmd.Process.Signal(sig)
	over := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !over.Stop() {
		w.fail("the daemon does not end")
	}
	if sig == syscall.SIGTERM && err != nil {
		w.fail("the daemon ended with %v", err)
	}
}

func (w *world) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// ask makes the request that a deed is, and gives the change that begins.
func (w *world) ask(d deed) (id string, err error) {
	ctx, cancel := w.ctx()
	defer cancel()
	req := api.PackageRequest{Action: d.do, NoRevert: d.noRevert, RetryRefused: d.retry, ToRevision: d.to}
	for _, one := range append([]deed{d}, d.with...) {
		target := one.pkg
		if d.do == "install" || d.do == "refresh" {
			target, err = tree(w.top, one.pkg, one.v)
			w.must(err)
		}
		req.Targets = append(req.Targets, target)
	}
	if d.together {
		req.Transaction = "all"
	}
	switch d.do {
	case "hold":
		req.For = []float64{0, 3600, 1e-9}[d.n]
	case "purge":
		req.Action, req.Purge = "remove", true
	case "look":
		req.Action, req.Targets = "refresh", nil
	case "set":
		return w.c.SetConfig(ctx, d.pkg, api.ConfigRequest{"n": fmt.Append(nil, d.n)})
	case "unset":
		return w.c.SetConfig(ctx, d.pkg, api.ConfigRequest{"n": []byte("null")})
	case "offer":
		return "", w.offer(d.pkg, d.v)
	case "stop", "start":
		return w.c.ServiceAction(ctx, api.ServiceRequest{Action: d.do, Names: []string{d.pkg}})
	case "check", "turn", "write", "app", "restore", "drop":
		_, err := w.c.Record(ctx, d.pkg)
		return "", err
	}
	answer, err := w.c.Do(ctx, req)
	return answer.Change, err
}

func kindOf(err error) api.ErrorKind {
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Kind
	}
	return ""
}

// ended waits for a change.
func (w *world) ended(id string) api.Change {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	chg, err := w.c.WaitChange(ctx, id)
	if err != nil {
		now, _ := w.c.Change(context.Background(), id)
		w.signal(syscall.SIGQUIT) // it says where everybody is
		w.fail("change %s does not end: %v\n%+v", id, err, now)
	}
	return chg
}

// arrived waits until a hook of the package is held up.
func (w *world) arrived(name string) {
	w.Helper()
	w.must(w.pipes["at-"+name].SetReadDeadline(time.Now().Add(patience)))
	if _, err := w.pipes["at-"+name].Read(make([]byte, len("here\n"))); err != nil {
		w.fail("no hook of %s came to the point: %v", name, err)
	}
}

// serving lists the revisions of which a service runs, by what the kernel knows:
// a shell's fork of itself belongs to the instance that it was forked from.
func (w *world) serving(name string) (revs []string) {
	found := map[string]string{} // by pid
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		b, _ := os.ReadFile(p + "/cmdline")
		for arg := range strings.SplitSeq(string(b), "\x00") {
			if rest, ok := strings.CutPrefix(arg, w.dirs.Package(name)+"/"); ok && strings.HasSuffix(rest, "/bin/serve") {
				found[filepath.Base(p)] = strings.TrimSuffix(rest, "/bin/serve")
			}
		}
	}
	for pid, rev := range found {
		b, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) > 1 {
			if _, forked := found[f[1]]; !forked {
				revs = append(revs, rev)
			}
		}
	}
	return revs
}
