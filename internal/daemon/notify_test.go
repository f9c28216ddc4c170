package daemon_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
)

// manager is a service manager that hears what it is told.
func manager(t *testing.T) (hear func() string) {
	t.Helper()
	path := filepath.Join(shortDirs(t).Root, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestServiceManagerIsToldWhenWeServeHowItIsAndWhenWeStop(t *testing.T) {
	hear := manager(t)
	f := newFake()
	f.made.host = api.Health{Level: "OK", Counts: map[string]int{"active": 1}}
	h := startWith(t, f, nil)
	if got := hear(); got != "READY=1\nSTATUS=OK - 1 package: 1 active" {
		t.Errorf("got %q", got)
	}
	f.made.host = api.Health{Level: "FAULT", Counts: map[string]int{"active": 2, "error": 1}}
	f.turn(api.Transition{})
	if got := hear(); got != "STATUS=FAULT - 3 packages: 2 active, 1 error" {
		t.Errorf("got %q", got)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if got := hear(); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
}

func TestWatchdogIsFedOnlyWhileTheLoopTurns(t *testing.T) {
	hear := manager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	asked := make(chan struct{}, 100)
	turning := true
	h := startWith(t, newFake(), func(o *daemon.Options) {
		o.Alive = func() time.Time {
			asked <- struct{}{}
			defer func() { turning = false }()
			if turning {
				return time.Now()
			}
			return time.Now().Add(-time.Hour)
		}
	})
	if got := hear(); got != "READY=1\nSTATUS= - no packages" {
		t.Errorf("got %q", got)
	}
	for range 3 { // the first turns, the next two do not
		<-asked
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"WATCHDOG=1", "STOPPING=1"} {
		if got := hear(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// fakeBus runs until it is told to stop.
type fakeBus struct{ ran, ended chan struct{} }

func (b fakeBus) Run(ctx context.Context) {
	close(b.ran)
	<-ctx.Done()
	close(b.ended)
}
func (b fakeBus) Describe() string { return "connected as a fake" }

func TestBusRunsWhileTheDaemonServes(t *testing.T) {
	b := fakeBus{make(chan struct{}), make(chan struct{})}
	h := startWith(t, newFake(), func(o *daemon.Options) { o.Bus = b })
	<-b.ran
	var s api.System
	h.answer("GET", "/v1/system", "", &s)
	if s.Bus != "connected as a fake" {
		t.Errorf("got %q", s.Bus)
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	<-b.ended
}
