package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/systemd"
)

// inBed gives a manager of a real systemd, and a service that sleeps.
func inBed(t *testing.T) (dirs.Dirs, *systemd.Manager, service.Unit) {
	t.Helper()
	needBed(t)
	d := newRoot(t)
	u := sleeper(d)
	u.Cookie = "s3cret"
	t.Cleanup(func() { forgetAll(t, d) })
	m := open(t, systemd.Options{Dirs: d})
	t.Cleanup(func() { check(t, m.Shutdown(context.Background())) })
	return d, m, u
}

func status(t *testing.T, m *systemd.Manager) service.Status {
	t.Helper()
	all, err := m.Status(t.Context(), "web")
	if err != nil || len(all) != 1 {
		t.Fatalf("status is %+v, %v", all, err)
	}
	return all[0]
}

// run runs a command of the host and gives what it prints.
func run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func show(t *testing.T, unit, property string) string {
	t.Helper()
	return run(t, "systemctl", "show", "--value", "--property="+property, unit)
}

func TestABootedHostHasSystemd(t *testing.T) {
	needBed(t)
	if kind, why := service.Detect("/"); kind != service.Systemd {
		t.Errorf("services are run by %s: %s", kind, why)
	}
}

func TestAMaskedUnitIsAFailedServiceUntilItIsUnmasked(t *testing.T) {
	_, m, u := inBed(t)
	mask := filepath.Join("/etc/systemd/system", m.UnitName(u))
	check(t, os.Symlink("/dev/null", mask))
	defer func() { _ = os.Remove(mask) }()
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if s := status(t, m); s.State != service.Failed || !strings.Contains(s.Detail, "masked") {
		t.Errorf("a masked service is %+v", s)
	}
	check(t, m.Stop(t.Context(), "web", nil))
	check(t, os.Remove(mask))
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if s := status(t, m); s.State != service.Active {
		t.Errorf("an unmasked service is %+v", s)
	}
}

func TestAUnitWhoseFileVanishedCanBeStoppedAndStarted(t *testing.T) {
	_, m, u := inBed(t)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	pid := status(t, m).PID
	check(t, os.Remove(filepath.Join("/run/systemd/system", m.UnitName(u))))
	run(t, "systemctl", "daemon-reload")
	if s := status(t, m); s.State != service.Active || s.PID != pid {
		t.Errorf("a service without a file is %+v", s)
	}
	check(t, m.Stop(t.Context(), "web", nil))
	if s := status(t, m); s.State != service.Inactive {
		t.Errorf("a stopped service without a file is %+v", s)
	}
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if s := status(t, m); s.State != service.Active {
		t.Errorf("a service that is started again is %+v", s)
	}
}

func TestAUnitStoppedByTheAdminIsInactive(t *testing.T) {
	_, m, u := inBed(t)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	run(t, "systemctl", "stop", m.UnitName(u))
	if s := status(t, m); s.State != service.Inactive {
		t.Errorf("a service that the admin stopped is %+v", s)
	}
}

func TestServicesOutliveTheirManagerAndTheNextOneSeesThemCrash(t *testing.T) {
	d, m, u := inBed(t)
	u.Restart = service.RestartOnFailure
	check(t, m.Start(t.Context(), []service.Unit{u}))
	pid := status(t, m).PID
	check(t, m.Shutdown(t.Context()))
	next := open(t, systemd.Options{Dirs: d})
	defer func() { check(t, next.Shutdown(t.Context())) }()
	if s := status(t, next); s.PID != pid || s.State != service.Active {
		t.Fatalf("the next manager sees %+v, want process %d", s, pid)
	}
	check(t, next.Start(t.Context(), []service.Unit{u}))
	if s := status(t, next); s.PID != pid {
		t.Errorf("the next manager made process %d of %d", s.PID, pid)
	}
	kinds := make(chan string, 10)
	next.Subscribe(func(ev service.Event) { kinds <- ev.Kind })
	run(t, "kill", "-KILL", strconv.Itoa(pid))
	for _, want := range []string{service.Exited, service.Restarted} {
		if got := <-kinds; got != want {
			t.Errorf("event %s, want %s", got, want)
		}
	}
	if s := status(t, next); s.Restarts != 1 {
		t.Errorf("a crashed service is %+v", s)
	}
}

func TestLinesThatOthersForgeAreNotTheServices(t *testing.T) {
	_, m, u := inBed(t)
	u.Command = []string{"/bin/sh", "-c", "echo true; exec sleep 1000"}
	check(t, m.Start(t.Context(), []service.Unit{u}))
	label := strings.TrimSuffix(m.UnitName(u), ".r1.service")
	for range 3 {
		run(t, "sh", "-c", `printf 'PKGD_SERVICE=%s\nMESSAGE=forged\n' `+label+` | logger --journald`)
	}
	run(t, "journalctl", "--sync")
	if all := run(t, "journalctl", "--output=cat", "PKGD_SERVICE="+label); !strings.Contains(all, "forged") {
		t.Fatalf("the journal has %q", all)
	}
	for _, n := range []int{-1, 1, 10} {
		var lines []string
		check(t, m.Logs(t.Context(), "web", "a", n, func(l api.LogLine) error {
			lines = append(lines, l.Line)
			return nil
		}))
		if len(lines) != 1 || lines[0] != "true" {
			t.Errorf("the last %d are %q", n, lines)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	check(t, m.Follow(ctx, "web", "a", time.Unix(1, 0), func(l api.LogLine) error {
		if l.Line != "true" {
			t.Errorf("followed is %+v", l)
		}
		cancel()
		return nil
	}))
}

func TestTheBusShowsNoCookie(t *testing.T) {
	_, m, u := inBed(t)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if all := run(t, "systemctl", "show", m.UnitName(u)); strings.Contains(all, u.Cookie) {
		t.Error("the cookie is among the unit's properties")
	}
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(status(t, m).PID), "environ"))
	if err != nil || !strings.Contains(string(environ), "PKG_COOKIE=s3cret\x00") {
		t.Errorf("the service has no cookie: %q, %v", environ, err)
	}
}

func TestLimitsReachSystemd(t *testing.T) {
	_, m, u := inBed(t)
	u.Limits = service.Limits{Memory: 1 << 28, Tasks: 50, CPU: 20}
	check(t, m.Start(t.Context(), []service.Unit{u}))
	for property, want := range map[string]string{"MemoryMax": "268435456", "TasksMax": "50", "CPUQuotaPerSecUSec": "200ms"} {
		if got := show(t, m.UnitName(u), property); got != want {
			t.Errorf("%s is %s, want %s", property, got, want)
		}
	}
}

func TestAnEnabledUnitIsShownAsSuch(t *testing.T) {
	_, m, u := inBed(t)
	u.Enabled = true
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if got := run(t, "systemctl", "is-enabled", m.UnitName(u)); got != "enabled-runtime" {
		t.Errorf("the unit is %s", got)
	}
	next := u
	next.Revision = 2
	check(t, m.Start(t.Context(), []service.Unit{next}))
	if left, _ := filepath.Glob("/run/systemd/system/*.wants/" + m.UnitName(u)); len(left) > 0 {
		t.Errorf("the old revision is enabled, too: %v", left)
	}
	if s := status(t, m); !s.Enabled || s.Revision != 2 {
		t.Errorf("the new revision is %+v", s)
	}
}

func TestTheBusMayCrashInTheMiddleOfAStop(t *testing.T) {
	d, m, u := inBed(t)
	gate, hold := filepath.Join(d.Root, "gate"), filepath.Join(d.Root, "hold")
	run(t, "mkfifo", gate, hold)
	held, err := os.OpenFile(hold, os.O_RDWR, 0)
	check(t, err)
	defer func() { _ = held.Close() }()
	u.Command = []string{"/bin/sh", "-c", fmt.Sprintf("trap 'read x <%s; exit 0' TERM; : >%s/up; read x <%s", gate, d.Root, hold)}
	u.Ready = &pkginfo.Ready{Exec: "/usr/bin/test -e " + d.Root + "/up"}
	check(t, m.Start(t.Context(), []service.Unit{u}))
	stopped := make(chan error, 1)
	go func() { stopped <- m.Stop(t.Context(), "web", nil) }()
	// It can be opened for writing once the service reads from it: it is being stopped.
	f, err := os.OpenFile(gate, os.O_WRONLY, 0)
	check(t, err)
	run(t, "kill", "-KILL", show(t, "dbus.service", "MainPID"))
	_, err = f.WriteString("go\n")
	check(t, errors.Join(err, f.Close()))
	check(t, <-stopped)
	u.Revision, u.Ready, u.Command = 2, nil, []string{"/bin/sleep", "1000"}
	check(t, m.Start(t.Context(), []service.Unit{u}))
	if s := status(t, m); s.State != service.Active {
		t.Errorf("a service started on the next bus is %+v", s)
	}
}
