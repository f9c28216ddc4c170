package crash

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/overlord"
	"pkgd.io/pkgd/overlord/state"
)

// The test binary is the daemon too: with rootVar set it runs one and, at the
// step that deathVar numbers, kills it.
const (
	rootVar  = "CRASH_TEST_ROOT"
	ctlVar   = "CRASH_TEST_CTL"
	deathVar = "CRASH_TEST_DEATH"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(rootVar); root != "" {
		if err := runDaemon(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runDaemon(root string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d, err := dirs.New(root)
	if err != nil {
		return err
	}
	cfg, err := config.Load(d.Config())
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ov, err := overlord.New(overlord.Options{Dirs: d, Config: cfg, Log: log, Version: "test", CtlPath: os.Getenv(ctlVar)})
	if err != nil {
		return err
	}
	defer ov.Stop()
	dieAtStep(ov.State(), os.Getenv(deathVar))
	if err := ov.StartUp(); err != nil {
		return err
	}
	srv := daemon.New(ov)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-srv.Listening():
	}
	if err := ov.Loop(); err != nil {
		return err
	}
	return <-ended
}

// dieAtStep kills the process, as a power switch would, when a task's status
// changes for the nth time: before that change is on disk when n is even, after
// the commit that brings it there when n is odd.
func dieAtStep(st *state.State, death string) {
	n, err := strconv.Atoi(death)
	if err != nil || n == 0 {
		return
	}
	var steps atomic.Int64
	st.OnTaskStatus(func(_ *state.Task, _, _ state.Status) {
		if steps.Add(1) != int64(n+1)/2 {
			return
		}
		if n%2 == 0 {
			die()
		}
		go func() {
			_ = st.Sync(context.Background())
			die()
		}()
	})
}

func die() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
