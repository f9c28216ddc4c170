package servicetest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// Maker makes a manager for the root d.Root, which is new and empty. The suite
// shuts it down.
type Maker func(t *testing.T, d dirs.Dirs) service.Manager

// patience is how long a test waits before it calls something lost.
const patience = 30 * time.Second

// pkg is the package whose services the tests run.
const pkg = "web"

// house is one test's manager and a package for it.
type house struct {
	t    *testing.T
	ctx  context.Context
	dirs dirs.Dirs
	m    service.Manager
	said *journal
	hold *gate // opened a little again and again
}

func newHouse(t *testing.T, make Maker) *house {
	t.Helper()
	root, err := os.MkdirTemp("", "p")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	d, err := dirs.New(root)
	must(t, err)
	h := &house{t: t, ctx: t.Context(), dirs: d}
	h.furnish(pkg, 1)
	h.said = openJournal(t, filepath.Join(d.DataCommon(pkg), "journal"))
	h.hold = h.gate("hold")
	t.Cleanup(h.hold.pulse())
	h.m = make(t, d)
	t.Cleanup(h.close)
	return h
}

// close ends all services, also for a manager whose Shutdown leaves them.
func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	all, _ := h.m.Status(ctx, "")
	for _, s := range all {
		if err := h.m.Forget(ctx, s.Package); err != nil && !errors.Is(err, service.ErrClosed) {
			h.t.Errorf("cannot forget %s: %v", s.Package, err)
		}
	}
	if err := h.m.Shutdown(ctx); err != nil {
		h.t.Errorf("cannot shut down: %v", err)
	}
}

// furnish makes the folders of one revision of a package.
func (h *house) furnish(name string, rev int) service.Confinement {
	h.t.Helper()
	c := service.Confinement{
		Root: h.dirs.Revision(name, rev), Data: h.dirs.DataRevision(name, rev),
		Common: h.dirs.DataCommon(name), Tmp: h.dirs.Tmp(name),
	}
	for _, dir := range []string{c.Root, c.Data, c.Common, c.Tmp} {
		must(h.t, os.MkdirAll(dir, 0o755))
	}
	return c
}

// unit is a service of revision 1 of the package that runs a shell script.
func (h *house) unit(name, script string) service.Unit {
	return h.unitOf(pkg, 1, name, script)
}

// unitOf is a service that runs a shell script. In it $J is the journal and
// $D the revision's own data.
func (h *house) unitOf(pkg string, rev int, name, script string) service.Unit {
	h.t.Helper()
	c := h.furnish(pkg, rev)
	c.Common = filepath.Dir(h.said.path) // all may write to the journal
	return service.Unit{
		Package: pkg, Revision: rev, Name: name,
		Command: []string{"/bin/sh", "-c", script},
		Restart: service.RestartNo,
		Env:     []string{"PATH=" + os.Getenv("PATH"), "J=" + h.said.path, "D=" + c.Data, "HOLD=" + h.hold.path},
		Dir:     c.Root, Confine: c,
	}
}

// up is a script that says NAME up and runs until it is ended.
func up(name string) string { return say(name+" up") + "; exec sleep 1000" }

// say is the shell's way of telling the test.
func say(what string) string { return `echo "` + what + `" >>$J` }

func (h *house) start(units ...service.Unit) {
	h.t.Helper()
	must(h.t, h.m.Start(h.ctx, units))
}

func (h *house) stop(names ...string) {
	h.t.Helper()
	must(h.t, h.m.Stop(h.ctx, pkg, names))
}

// status is what the manager says of one of the package's services.
func (h *house) status(name string) service.Status {
	h.t.Helper()
	s, ok := h.lookup(name)
	if !ok {
		h.t.Fatalf("no status of %s", name)
	}
	return s
}

func (h *house) lookup(name string) (s service.Status, known bool) {
	h.t.Helper()
	all, err := h.m.Status(h.ctx, pkg)
	must(h.t, err)
	i := slices.IndexFunc(all, func(s service.Status) bool { return s.Name == name })
	if i < 0 {
		return service.Status{}, false
	}
	return all[i], true
}

// wantState fails the test unless the service is in the state now.
func (h *house) wantState(name, state string) service.Status {
	h.t.Helper()
	s := h.status(name)
	if s.State != state {
		h.t.Fatalf("%s is %s (%s), want %s", name, s.State, s.Detail, state)
	}
	return s
}

// await waits until the service's status is as wanted.
func (h *house) await(name, what string, wanted func(service.Status) bool) service.Status {
	h.t.Helper()
	events := make(chan service.Event, 64)
	defer h.m.Subscribe(func(ev service.Event) {
		select {
		case events <- ev:
		default:
		}
	})()
	look := time.NewTicker(20 * time.Millisecond) // not all that changes is an event
	defer look.Stop()
	lost := time.After(patience)
	for {
		s, known := h.lookup(name)
		if known && wanted(s) {
			return s
		}
		select {
		case <-events:
		case <-look.C:
		case <-lost:
			h.t.Fatalf("%s does not become %s: %+v", name, what, s)
		}
	}
}

func (h *house) awaitState(name, state string) service.Status {
	h.t.Helper()
	return h.await(name, state, func(s service.Status) bool { return s.State == state })
}

// wantGone fails the test when the process is alive.
func (h *house) wantGone(pid int) {
	h.t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		h.t.Errorf("process %d is still there: %s", pid, b)
	}
}

// journal is what services say to the test.
type journal struct {
	t     *testing.T
	path  string
	lines chan string
}

func openJournal(t *testing.T, path string) *journal {
	t.Helper()
	f := openFIFO(t, path)
	j := &journal{t: t, path: path, lines: make(chan string, 1024)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.read(f)
	}()
	t.Cleanup(func() { _ = f.Close(); <-done })
	return j
}

// openFIFO makes a FIFO and holds both of its ends.
func openFIFO(t *testing.T, path string) *os.File {
	t.Helper()
	must(t, syscall.Mkfifo(path, 0o666))
	must(t, os.Chmod(path, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	return f
}

func (j *journal) read(f io.Reader) {
	for s := bufio.NewScanner(f); s.Scan(); {
		select {
		case j.lines <- s.Text():
		default: // nobody asks any more
		}
	}
}

// next waits for the next line.
func (j *journal) next() string {
	j.t.Helper()
	select {
	case line := <-j.lines:
		return line
	case <-time.After(patience):
		j.t.Fatal("no service says anything")
		return ""
	}
}

// want waits for lines in this order.
func (j *journal) want(lines ...string) {
	j.t.Helper()
	for _, want := range lines {
		if got := j.next(); got != want {
			j.t.Fatalf("a service says %q, want %q", got, want)
		}
	}
}

// pid waits for a line "WHO PID" and gives the id.
func (j *journal) pid(who string) int {
	j.t.Helper()
	line := j.next()
	pid, err := strconv.Atoi(strings.TrimPrefix(line, who+" "))
	if err != nil {
		j.t.Fatalf("a service says %q, want %q and a process id", line, who)
	}
	return pid
}

// quiet fails the test when a service has said more.
func (j *journal) quiet() {
	j.t.Helper()
	select {
	case line := <-j.lines:
		j.t.Errorf("a service says %q, want nothing", line)
	default:
	}
}

// gate holds a script that reads from it until it is opened.
type gate struct {
	t    *testing.T
	path string
	f    *os.File
}

func (h *house) gate(name string) *gate {
	h.t.Helper()
	path := filepath.Join(h.dirs.DataCommon(pkg), name)
	g := &gate{t: h.t, path: path, f: openFIFO(h.t, path)}
	h.t.Cleanup(func() { _ = g.f.Close() })
	return g
}

func (g *gate) open() {
	g.t.Helper()
	_, err := g.f.WriteString("open\n")
	must(g.t, err)
}

// pulse lets whoever waits look around every now and then.
func (g *gate) pulse() (end func()) {
	tick := time.NewTicker(20 * time.Millisecond)
	ended := make(chan struct{})
	var beat sync.WaitGroup
	beat.Go(func() {
		for {
			select {
			case <-tick.C:
				_, _ = g.f.Write([]byte("\n")) // a full gate lets everybody through
			case <-ended:
				return
			}
		}
	})
	return func() { tick.Stop(); close(ended); beat.Wait() }
}

// wait is the script's side.
func (g *gate) wait() string { return "read open <" + g.path }

// later runs f beside the test; the channel gives its answer.
func later(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

func (h *house) answer(c <-chan error) error {
	h.t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(patience):
		h.t.Fatal("the manager does not answer")
		return nil
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
