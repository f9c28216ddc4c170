package supervisor_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// patience is how long a test waits before it calls something lost.
const patience = 30 * time.Second

func newRoot(t *testing.T) dirs.Dirs {
	t.Helper()
	root, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	d, err := dirs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newManager gives a supervisor that ends with the test.
func newManager(t *testing.T, d dirs.Dirs) service.Manager {
	t.Helper()
	m := newSupervisor(t, d)
	t.Cleanup(func() { shutdown(t, m) })
	return m
}

func shutdown(t *testing.T, m service.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// script is a service of package web that runs a shell script.
func script(t *testing.T, name, text string) service.Unit {
	t.Helper()
	return service.Unit{
		Package: "web", Revision: 1, Name: name, Restart: service.RestartNo,
		Command: []string{"/bin/sh", "-c", text},
		Env:     []string{"PATH=" + os.Getenv("PATH")},
		Dir:     "/", Cookie: "cookie-of-" + name,
	}
}

func start(t *testing.T, m service.Manager, units ...service.Unit) {
	t.Helper()
	if err := m.Start(t.Context(), units); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, m service.Manager, name string) service.Status {
	t.Helper()
	all, err := m.Status(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no status of %s in %v", name, all)
	return service.Status{}
}

// awaitEvent calls act and waits for an event of a kind that comes of it.
func awaitEvent(t *testing.T, m service.Manager, kind string, act func()) service.Event {
	t.Helper()
	events := make(chan service.Event, 16)
	defer m.Subscribe(func(ev service.Event) {
		if ev.Kind == kind {
			select {
			case events <- ev:
			default:
			}
		}
	})()
	act()
	select {
	case ev := <-events:
		return ev
	case <-time.After(patience):
		t.Fatalf("no event %q", kind)
		return service.Event{}
	}
}

// lines reads all output of a service.
func lines(t *testing.T, m service.Manager, name string) []string {
	t.Helper()
	var got []string
	err := m.Logs(t.Context(), "web", name, -1, func(l api.LogLine) error {
		got = append(got, l.Line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}
