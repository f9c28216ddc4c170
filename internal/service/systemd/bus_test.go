package systemd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/systemd"
)

func newRoot(t *testing.T) dirs.Dirs {
	t.Helper()
	root, err := os.MkdirTemp("", "p")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	d, err := dirs.New(root)
	check(t, err)
	return d
}

// onFakeBus gives a manager that asks a systemd which is none.
func onFakeBus(t *testing.T, b *fakeBus) (*systemd.Manager, service.Unit) {
	t.Helper()
	d := newRoot(t)
	m := open(t, systemd.Options{Dirs: d, Address: b.address, UnitDir: filepath.Join(d.Root, "units")})
	t.Cleanup(func() { check(t, m.Shutdown(context.Background())) })
	return m, sleeper(d)
}

func wantError(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("want an error with %q, got %v", words, err)
	}
}

func TestWithoutABusEverythingSaysSoAndNothingHangs(t *testing.T) {
	defer goleak.VerifyNone(t)
	d := newRoot(t)
	m := open(t, systemd.Options{Dirs: d, Address: "unix:path=" + d.Root + "/none", UnitDir: d.Root})
	u := sleeper(d)
	impatient := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return f(ctx)
	}
	wantError(t, m.Ping(t.Context()), "cannot reach the system bus")
	err := impatient(func(ctx context.Context) error { return m.Start(ctx, []service.Unit{u}) })
	wantError(t, err, `cannot start service "web.a"`)
	err = impatient(func(ctx context.Context) error { return m.Stop(ctx, "web", nil) })
	wantError(t, err, `cannot stop service "web.a"`)
	_, err = m.Status(t.Context(), "")
	wantError(t, err, "cannot ask for services")
	check(t, m.Shutdown(t.Context()))
}

func TestAJobIsAwaitedThoughItsSignalComesFirst(t *testing.T) {
	b := newFakeBus(t)
	m, u := onFakeBus(t, b)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	all, err := m.Status(t.Context(), "web")
	if err != nil || len(all) != 1 || all[0].State != service.Active {
		t.Errorf("status %+v, %v", all, err)
	}
	check(t, m.Stop(t.Context(), "web", nil))
}

func TestAJobThatEndsWithoutASignalIsSeenToEnd(t *testing.T) {
	b := newFakeBus(t)
	b.set(func() { b.silent = true })
	m, u := onFakeBus(t, b)
	check(t, m.Start(t.Context(), []service.Unit{u}))
}

func TestAJobThatNeverEndsIsGivenUp(t *testing.T) {
	b := newFakeBus(t)
	b.set(func() { b.never = true })
	m, u := onFakeBus(t, b)
	_, err := m.BoundedJob(t.Context(), 50*time.Millisecond, "StartUnit", m.UnitName(u))
	wantError(t, err, "systemd has not done it in 50ms: see systemctl list-jobs")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { started <- m.Start(ctx, []service.Unit{u}) }()
	b.want("StartUnit")
	cancel()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("a start that is given up says %v", err)
	}
	if _, err := m.Status(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

func TestABusThatDiesInTheMiddleOfAJobIsReachedAgain(t *testing.T) {
	b := newFakeBus(t)
	b.set(func() { b.never = true })
	m, u := onFakeBus(t, b)
	started := make(chan error, 1)
	go func() { started <- m.Start(t.Context(), []service.Unit{u}) }()
	b.want("StartUnit")
	b.kill()
	b.set(func() { b.never, b.pending = false, "" })
	b.run()
	check(t, <-started)
	check(t, m.Ping(t.Context()))
	check(t, m.Stop(t.Context(), "web", nil))
}

func TestASystemdThatExecutesItselfAnewIsWaitedFor(t *testing.T) {
	b := newFakeBus(t)
	b.set(func() { b.answer = dbus.NewError("org.freedesktop.DBus.Error.NoReply", []any{"it has left"}) })
	m, u := onFakeBus(t, b)
	started := make(chan error, 1)
	go func() { started <- m.Start(t.Context(), []service.Unit{u}) }()
	b.want("StartUnit")
	b.set(func() { b.answer = nil })
	check(t, <-started)
	all, err := m.Status(t.Context(), "web")
	if err != nil || len(all) != 1 || all[0].State != service.Active {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestABusThatIsGoneForGoodEndsWhatIsAsked(t *testing.T) {
	b := newFakeBus(t)
	m, u := onFakeBus(t, b)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	b.set(func() { b.never = true })
	stopped := make(chan error, 1)
	go func() { stopped <- m.Stop(t.Context(), "web", nil) }()
	b.want("StopUnit")
	b.kill()
	err := <-stopped
	wantError(t, err, `cannot stop service "web.a": cannot reach the system bus`)
	if !errors.Is(err, service.ErrUnreachable) {
		t.Error("it is not told apart from what systemd refuses")
	}
	b.run() // for the clean-up
}

func TestABusThatHangsHangsNobody(t *testing.T) {
	b := newFakeBus(t)
	m, u := onFakeBus(t, b)
	check(t, m.Start(t.Context(), []service.Unit{u}))
	goOn := b.hang()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, m.Ping(ctx), "systemd does not answer")
	if _, err := m.Status(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("status of a bus that hangs: %v", err)
	}
	if err := m.Stop(ctx, "web", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop on a bus that hangs: %v", err)
	}
	goOn()
	check(t, m.Stop(t.Context(), "web", nil))
}

func TestWhatSystemdRefusesIsAFailedService(t *testing.T) {
	for name, words := range map[string]string{
		"UnitMasked": "it is masked: systemctl unmask pkgd-", "NoSuchUnit": "its unit file is gone",
		"BadUnitSetting": "systemd refuses it: no good",
	} {
		b := newFakeBus(t)
		b.set(func() { b.answer = dbus.NewError("org.freedesktop.systemd1."+name, []any{"no good"}) })
		m, u := onFakeBus(t, b)
		check(t, m.Start(t.Context(), []service.Unit{u}))
		all, err := m.Status(t.Context(), "web")
		if err != nil || len(all) != 1 || all[0].State != service.Failed || !strings.Contains(all[0].Detail, words) {
			t.Errorf("%s gives %+v, %v", name, all, err)
		}
		b.set(func() { b.answer = nil })
		check(t, m.Start(t.Context(), []service.Unit{u}))
		if all, _ = m.Status(t.Context(), "web"); all[0].State != service.Active {
			t.Errorf("a later start gives %+v", all)
		}
	}
}
