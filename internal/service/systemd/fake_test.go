package systemd_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/needs"
	"pkgd.io/pkgd/internal/service"
)

// fakeBus is a real bus of the test's own, with a systemd on it that knows units
// by name only and ends jobs as it is told.
type fakeBus struct {
	t       *testing.T
	address string
	daemon  *exec.Cmd
	conn    *dbus.Conn

	mu      sync.Mutex // guards what follows
	active  map[string]bool
	jobs    int
	pending string      // a job that has not ended
	answer  *dbus.Error // what StartUnit says instead of making a job
	never   bool        // jobs do not end
	silent  bool        // jobs end without a signal
	asked   chan string // methods, as they are called
}

const busConfig = `<busconfig>
<type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>`

func newFakeBus(t *testing.T) *fakeBus {
	t.Helper()
	needs.Program(t, "dbus-daemon", "dbus")
	dir, err := os.MkdirTemp("/tmp", "p")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &fakeBus{t: t, address: "unix:path=" + filepath.Join(dir, "bus"), active: make(map[string]bool), asked: make(chan string, 100)}
	check(t, os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, busConfig, filepath.Join(dir, "bus")), 0o644))
	b.run()
	t.Cleanup(b.kill)
	return b
}

// run starts the bus and puts systemd on it.
func (b *fakeBus) run() {
	b.t.Helper()
	socket := strings.TrimPrefix(b.address, "unix:path=")
	_ = os.Remove(socket)
	b.daemon = exec.Command("dbus-daemon", "--config-file="+filepath.Join(filepath.Dir(socket), "conf"), "--nofork", "--print-address=1")
	out, err := b.daemon.StdoutPipe()
	check(b.t, err)
	check(b.t, b.daemon.Start())
	_, err = bufio.NewReader(out).ReadString('\n') // it listens now
	check(b.t, err)
	b.conn, err = dbus.Connect(b.address)
	check(b.t, err)
	check(b.t, b.conn.Export(fakeManager{b}, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"))
	check(b.t, b.conn.ExportSubtree(fakeProperties{b}, "/org/freedesktop/systemd1", "org.freedesktop.DBus.Properties"))
	reply, err := b.conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatal("cannot be systemd: ", reply, err)
	}
}

// kill ends the bus as a crash would: it has no time to tell who waits for an
// answer that nobody will give it.
func (b *fakeBus) kill() {
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait() // it was killed
	_ = b.conn.Close()
}

// hang stops the bus without ending it, and lets it go on again.
func (b *fakeBus) hang() (goOn func()) {
	check(b.t, b.daemon.Process.Signal(syscall.SIGSTOP))
	return func() { check(b.t, b.daemon.Process.Signal(syscall.SIGCONT)) }
}

// set changes how systemd is.
func (b *fakeBus) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// want waits for a call.
func (b *fakeBus) want(method string) {
	b.t.Helper()
	for {
		select {
		case got := <-b.asked:
			if got == method {
				return
			}
		case <-b.t.Context().Done():
			b.t.Fatalf("nobody calls %s", method)
		}
	}
}

func (b *fakeBus) called(method string) {
	select {
	case b.asked <- method:
	default:
	}
}

// fakeManager is systemd's manager as far as pkgd uses it.
type fakeManager struct{ b *fakeBus }

func (m fakeManager) Subscribe() *dbus.Error { return nil }

func (m fakeManager) GetUnit(name string) (dbus.ObjectPath, *dbus.Error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if !m.b.active[name] {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit " + name + " not loaded."})
	}
	return "/", nil
}

type fakeUnit struct {
	Name, Description, Load, Active, Sub, Following string
	Path                                            dbus.ObjectPath
	JobID                                           uint32
	JobType                                         string
	JobPath                                         dbus.ObjectPath
}

func (m fakeManager) ListUnitsByPatterns(_, patterns []string) ([]fakeUnit, *dbus.Error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	var units []fakeUnit
	for name := range m.b.active {
		if ok, _ := filepath.Match(patterns[0], name); ok {
			units = append(units, fakeUnit{Name: name, Active: "active", Sub: "running", Path: "/", JobPath: "/"})
		}
	}
	return units, nil
}

func (m fakeManager) StartUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("StartUnit", name, true)
}

func (m fakeManager) StopUnit(name, _ string) (dbus.ObjectPath, *dbus.Error) {
	return m.job("StopUnit", name, false)
}

func (m fakeManager) ResetFailedUnit(string) *dbus.Error { return nil }

func (m fakeManager) job(method, unit string, active bool) (dbus.ObjectPath, *dbus.Error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	defer m.b.called(method)
	if m.b.answer != nil {
		return "", m.b.answer
	}
	m.b.jobs++
	path := dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", m.b.jobs))
	m.b.active[unit] = true
	if m.b.never {
		m.b.pending = string(path)
		return path, nil
	}
	if !active {
		delete(m.b.active, unit)
	}
	if !m.b.silent {
		// The signal comes before the answer: the harder order.
		check(m.b.t, m.b.conn.Emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved", uint32(m.b.jobs), path, unit, "done"))
	}
	return path, nil
}

// fakeProperties are those of the manager and of any unit.
type fakeProperties struct{ b *fakeBus }

func (p fakeProperties) Get(_, name string) (dbus.Variant, *dbus.Error) {
	p.b.mu.Lock()
	defer p.b.mu.Unlock()
	var v any
	switch name {
	case "Version":
		v = "252.1"
	case "Job":
		v = struct {
			ID   uint32
			Path dbus.ObjectPath
		}{0, "/"}
		if p.b.pending != "" {
			v = struct {
				ID   uint32
				Path dbus.ObjectPath
			}{1, dbus.ObjectPath(p.b.pending)}
		}
	case "NeedDaemonReload":
		v = false
	case "MainPID":
		v = uint32(os.Getpid())
	case "NRestarts":
		v = uint32(0)
	case "ExecMainCode", "ExecMainStatus":
		v = int32(0)
	case "StateChangeTimestamp":
		v = uint64(1)
	default:
		v = map[string]string{"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success"}[name]
	}
	return dbus.MakeVariant(v), nil
}

// sleeper is a service that the fake systemd needs no program for.
func sleeper(d dirs.Dirs) service.Unit {
	return service.Unit{
		Package: "web", Revision: 1, Name: "a", Command: []string{"/bin/sleep", "1000"}, Dir: d.Root,
		Confine: service.Confinement{None: true},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
