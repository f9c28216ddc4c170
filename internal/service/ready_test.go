package service_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
)

func TestReadinessIsTriedSoonAndThenLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := service.Unit{Dir: "/pkg", Ready: &pkginfo.Ready{Exec: "bin/ready --now"}}
		began := time.Now()
		var tries []time.Duration
		err := service.AwaitReady(t.Context(), u, func(_ context.Context, argv []string) error {
			if !slices.Equal(argv, []string{"/pkg/bin/ready", "--now"}) {
				t.Errorf("the command is %q", argv)
			}
			tries = append(tries, time.Since(began))
			if len(tries) < 8 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 5, 15, 35, 75, 155, 255, 355}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(tries, want) {
			t.Errorf("tried after %v, want %v", tries, want)
		}
	})
}

func TestWhoIsNotReadyInTimeIsToldWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := service.Unit{Ready: &pkginfo.Ready{Exec: "/bin/ready"}}
		ctx, cancel := context.WithTimeout(t.Context(), u.ReadyTimeout())
		defer cancel()
		began := time.Now()
		err := service.AwaitReady(ctx, u, func(context.Context, []string) error { return errors.New("still loading") })
		if err == nil || !strings.Contains(err.Error(), "/bin/ready: still loading") || time.Since(began) != service.DefaultReadyTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestReadySocketsTakeTheUnitsVariablesAndItsFolder(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, path := range []string{"$PKG_DATA/s", "${PKG_DATA}/s", "s", filepath.Join(dir, "s")} {
		u := service.Unit{Dir: dir, Env: []string{"PKG_DATA=" + dir}, Ready: &pkginfo.Ready{Unix: path}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := service.AwaitReady(ctx, u, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		cancel()
	}
}

func TestReadyPortsMayLeaveOutTheHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, address := range []string{port, ":" + port, "127.0.0.1:" + port} {
		u := service.Unit{Ready: &pkginfo.Ready{TCP: address}}
		if err := service.AwaitReady(t.Context(), u, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	_ = l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := service.Unit{Ready: &pkginfo.Ready{TCP: port}}
	if err := service.AwaitReady(ctx, u, nil); err == nil {
		t.Error("a closed port is ready")
	}
}

func TestAUnitThatCannotBeAskedOfAnyoneSaysWhy(t *testing.T) {
	good := service.Unit{Package: "p", Name: "s", Command: []string{"/bin/true"}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*service.Unit){
		"no name of its own":        func(u *service.Unit) { u.Name = "" },
		"no command":                func(u *service.Unit) { u.Command = nil },
		"on-failure, always, no":    func(u *service.Unit) { u.Restart = "sometimes" },
		`service "p.s" has restart`: func(u *service.Unit) { u.Restart = "On-Failure" },
	} {
		u := good
		spoil(&u)
		if err := u.Check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q, got %v", what, err)
		}
	}
}

func TestAnotherRootHasTheEmbeddedSupervisor(t *testing.T) {
	if kind, why := service.Detect(t.TempDir()); kind != service.Embedded || why == "" {
		t.Errorf("services of another root are run by %s (%s)", kind, why)
	}
}
