package osutil_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/osutil"
)

func scanInt(t *testing.T, r io.Reader) (n int) {
	t.Helper()
	if _, err := fmt.Fscan(r, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProcessTellsHowItEnded(t *testing.T) {
	for script, want := range map[string]osutil.Exit{
		"exit 0":        {},
		"exit 42":       {Code: 42},
		"kill -USR1 $$": {Code: -1, Signal: syscall.SIGUSR1},
	} {
		p := start(t, script, nil)
		<-p.Done()
		got := p.Exit()
		got.Usage = syscall.Rusage{}
		if got != want {
			t.Errorf("%s: %+v", script, got)
		}
		if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("a signal afterwards: %v", err)
		}
		if err := p.Stop(syscall.SIGTERM, time.Hour); err != nil {
			t.Errorf("a stop afterwards: %v", err)
		}
	}
}

func TestProcessThatCannotBeStarted(t *testing.T) {
	for path, want := range map[string]error{"/no/such": syscall.ENOENT, "/etc/passwd": syscall.EACCES} {
		_, err := osutil.Start(context.Background(), osutil.Spec{Path: path, NoNewPrivs: true})
		var where *os.PathError
		if !errors.Is(err, want) || !errors.As(err, &where) || where.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	cancel(why)
	if _, err := osutil.Start(ctx, osutil.Spec{Path: "/bin/true"}); !errors.Is(err, why) {
		t.Errorf("error is %v", err)
	}
}

func TestProcessHasASessionOfItsOwn(t *testing.T) {
	p := start(t, "exec sleep 600", nil)
	proc, err := osutil.ReadProc(p.PID())
	if err != nil || proc.SID != p.PID() || proc.PGID != p.PID() || proc.Start != p.StartTime() {
		t.Errorf("%+v, %v", proc, err)
	}
}

func TestStopLetsTheWholeTreeTidyUp(t *testing.T) {
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := start(t, `
		(trap 'sleep 0.2; echo child is tidy; exit' TERM; echo 1; while :; do sleep 0.02; done) &
		trap 'exit 0' TERM; echo 2; while :; do sleep 0.02; done`, func(s *osutil.Spec) { s.Stdout = w })
	w.Close()
	scanInt(t, out)
	scanInt(t, out)
	if err := p.Stop(syscall.SIGTERM, time.Minute); err != nil {
		t.Error(err)
	}
	if rest, _ := io.ReadAll(out); strings.TrimSpace(string(rest)) != "child is tidy" {
		t.Errorf("the child said %q", rest)
	}
}

// startDeaf starts a program that does not hear SIGTERM any more when it returns.
func startDeaf(t *testing.T, env ...string) *osutil.Process {
	t.Helper()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := start(t, `trap '' TERM; echo 1; while :; do sleep 1; done`, func(s *osutil.Spec) {
		s.Stdout, s.Env = w, append(s.Env, env...)
	})
	w.Close()
	scanInt(t, out)
	return p
}

func TestStopMayBeCalledBySeveral(t *testing.T) {
	p := startDeaf(t)
	var wg sync.WaitGroup
	for _, grace := range []time.Duration{time.Hour, 0, 10 * time.Millisecond} {
		wg.Go(func() {
			if err := p.Stop(syscall.SIGTERM, grace); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if p.Exit().Signal != syscall.SIGKILL {
		t.Errorf("%+v", p.Exit())
	}
}

// What other rooms start by os/exec is theirs to reap, whatever becomes orphaned
// and dies at the same time.
func TestOrphansAreReapedAndOtherChildrenLeftAlone(t *testing.T) {
	stop, err := osutil.Adopt()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 60 {
				if err := exec.Command("/bin/sh", "-c", "exit 0").Run(); err != nil {
					t.Errorf("a child of os/exec was lost: %v", err)
				}
			}
		})
	}
	for range 60 {
		p := start(t, `(setsid sh -c 'exit 3' &); (env -i setsid sh -c 'exit 4' &); exit 0`, nil)
		<-p.Done()
		if p.Exit().Code != 0 {
			t.Errorf("%+v", p.Exit())
		}
	}
	wg.Wait()
}

// Trees without a cgroup that end at the same time have a say in whose an orphan
// is that has shed session and cookie, while others reap: none may be forgotten.
func TestNoOrphanIsForgottenWhereManyTreesEndAtOnce(t *testing.T) {
	stop, err := osutil.Adopt()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	entry := fmt.Sprintf("ORPHAN_OF=%d", os.Getpid())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				p := start(t, `(env -i `+entry+` setsid sleep 600 &); for i in 1 2 3; do (setsid sh -c 'exit 3' &); done`, nil)
				<-p.Done()
			}
		})
	}
	wg.Wait()
	for _, left := range osutil.FindByEnv(entry) {
		t.Errorf("an orphan lives on: %+v", left)
		_ = syscall.Kill(left.PID, syscall.SIGKILL)
	}
}

func TestOrphansOfALivingTreeAreReaped(t *testing.T) {
	stop, err := osutil.Adopt()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	start(t, `(setsid sh -c 'echo $$' &); exec sleep 600`, func(s *osutil.Spec) { s.Stdout = w })
	w.Close()
	orphan := scanInt(t, out)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		if _, err := osutil.ReadProc(orphan); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the dead orphan is still there")
		}
	}
}

func TestFoundProcessesAreKilledWithTheirDescendants(t *testing.T) {
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := start(t, `trap '' TERM; env -i setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & while :; do sleep 1; done`,
		func(s *osutil.Spec) { s.Stdout, s.Env = w, append(s.Env, "PKG_COOKIE=found") })
	w.Close()
	child := scanInt(t, out)
	find := func() []osutil.Proc { return osutil.FindByCookie("found") }
	if err := osutil.KillFound(context.Background(), find, syscall.SIGTERM, 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	<-p.Done()
	if proc, err := osutil.ReadProc(child); err == nil {
		t.Errorf("its child lives: %+v", proc)
	}
}

func TestKillFoundEndsWithItsContext(t *testing.T) {
	startDeaf(t, "PKG_COOKIE=slow")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	find := func() []osutil.Proc { return osutil.FindByCookie("slow") }
	if err := osutil.KillFound(ctx, find, syscall.SIGTERM, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestUsersAreFoundByNameAndNumber(t *testing.T) {
	byName, err := osutil.LookupUser("root")
	if err != nil || byName.UID != 0 || len(byName.Groups) == 0 {
		t.Fatalf("%+v, %v", byName, err)
	}
	byNumber, err := osutil.LookupUser("0")
	if err != nil || byNumber.Name != "root" {
		t.Errorf("%+v, %v", byNumber, err)
	}
	if _, err := osutil.LookupUser("no-such-user"); err == nil {
		t.Error("found a user that is not there")
	}
}

func TestNoSignalTellsOfAChildsEndOnceHushed(t *testing.T) {
	osutil.HushChildren()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, caught, _ := strings.Cut(string(status), "SigCgt:\t")
	caught, _, _ = strings.Cut(caught, "\n")
	mask, err := strconv.ParseUint(caught, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	if mask>>(syscall.SIGCHLD-1)&1 != 0 {
		t.Errorf("SIGCHLD is still caught: %x", mask)
	}
	if err := exec.Command("false").Run(); err == nil || err.Error() != "exit status 1" {
		t.Errorf("waiting for a child gave %v", err)
	}
}
