package overlord_test

import (
	"log/slog"
	"os"
	"testing"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/overlord"
)

func newOverlord(t *testing.T) *overlord.Overlord {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "p") // short, for the sockets' sake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	conf := config.Defaults()
	conf.Services = config.ServicesEmbedded
	ov, err := overlord.New(overlord.Options{Dirs: dirs.Dirs{Root: root}, Config: conf, Log: slog.New(slog.DiscardHandler), Version: "1", CtlPath: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	ov.StartUp()
	return ov
}

func TestWhoIsToldToStopWhileStartingDoesNotStart(t *testing.T) {
	ov := newOverlord(t)
	defer ov.Stop()
	ov.EndWork()
	if err := ov.Loop(); err != nil {
		t.Error(err)
	}
	select {
	case <-ov.Begun():
		t.Error("work has begun after its end")
	default:
	}
}

func TestAnEndThatComesWhileWorkBeginsWaitsForIt(t *testing.T) {
	ov := newOverlord(t)
	begun := make(chan error, 1)
	go func() { begun <- ov.Loop() }()
	ov.Stop()
	if err := <-begun; err != nil {
		t.Error(err)
	}
}
