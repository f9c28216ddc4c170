package remote_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/remote"
	"pkgd.io/pkgd/internal/remote/remotetest"
)

// runs is a host that does what it is told.
const runs = `exec sh -c "$COMMAND"`

func client(s *remotetest.SSH) *remote.Client {
	return &remote.Client{SSH: s.Program(), Environ: os.Environ(), Timeout: time.Minute}
}

func TestHostsAnswerInTheOrderInWhichTheyWereAsked(t *testing.T) {
	s := remotetest.New(t)
	s.Host("a", `sleep 0.2; `+runs)
	s.Host("b", runs)
	got := client(s).Ask(t.Context(), []string{"a", "b"}, []string{"sh", "-c", `echo "$0"; echo story >&2; exit 2`, "it's"})
	for i, host := range []string{"a", "b"} {
		if a := got[i]; a.Host != host || a.Err != nil || a.Exit != 2 || string(a.Stdout) != "it's\n" || a.Stderr != "story\n" {
			t.Errorf("%s: %+v", host, a)
		}
	}
}

func TestNobodyIsAskedAQuestion(t *testing.T) {
	s := remotetest.New(t)
	s.Host("a", runs)
	client(s).Ask(t.Context(), []string{"a"}, []string{"true"})
	for _, want := range []string{"BatchMode=yes", "ConnectTimeout=30", "PermitLocalCommand=no", "RemoteCommand=none"} {
		if !strings.Contains(s.Options(), want) {
			t.Errorf("ssh was not told %s: %s", want, s.Options())
		}
	}
}

func TestAHostThatFailsSaysWhy(t *testing.T) {
	s := remotetest.New(t)
	s.Host("denies", `echo "a banner" >&2; echo "ada@denies: Permission denied (publickey)." >&2; exit 255`)
	s.Host("dumb", `exit 255`)
	s.Host("dies", `kill -9 $$`)
	for host, want := range map[string]string{
		"nowhere": "Could not resolve hostname nowhere: Name or service not known",
		"denies":  "ada@denies: Permission denied (publickey)",
		"dumb":    "ssh failed without a word",
		"dies":    "ssh was ended: signal: killed",
	} {
		a := client(s).Ask(t.Context(), []string{host}, []string{"true"})[0]
		if a.Err == nil || a.Err.Error() != want {
			t.Errorf("%s: %v, want %s", host, a.Err, want)
		}
	}
	c := client(s)
	c.SSH = "/nonexistent/ssh"
	if a := c.Ask(t.Context(), []string{"a"}, []string{"true"})[0]; !errors.Is(a.Err, os.ErrNotExist) {
		t.Errorf("without ssh: %v", a.Err)
	}
}

func TestAHostThatHangsIsGivenUpAndHoldsNobody(t *testing.T) {
	s := remotetest.New(t)
	pids := filepath.Join(t.TempDir(), "pid")
	s.Host("hangs", fmt.Sprintf(`trap '' TERM; sleep 98765 & echo $! >%s; wait`, pids))
	s.Host("well", runs)
	c := client(s)
	c.Timeout = 10 * time.Second // in which the one that is well must answer
	got := c.Ask(t.Context(), []string{"hangs", "well"}, []string{"echo", "hello"})
	if got[0].Err == nil || got[0].Err.Error() != "nothing within 10s" {
		t.Errorf("hangs: %v", got[0].Err)
	}
	if string(got[1].Stdout) != "hello\n" {
		t.Errorf("well: %+v", got[1])
	}
	gone(t, pids)
}

// gone wants the process whose pid is in a file to have ended with its ssh.
func gone(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	// It was killed, and may still be about to go.
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d is left: %s", pid, stat)
		}
	}
}

func TestAnEndlessAnswerIsNotTaken(t *testing.T) {
	s := remotetest.New(t)
	s.Host("talks", `exec yes`)
	a := client(s).Ask(t.Context(), []string{"talks"}, []string{"x"})[0]
	if a.Err == nil || !strings.Contains(a.Err.Error(), "more than 8 MiB") || len(a.Stdout) > remote.MaxAnswer {
		t.Errorf("%v, %d bytes", a.Err, len(a.Stdout))
	}
	s.Host("grumbles", `head -c 1000000 /dev/zero >&2`)
	if a := client(s).Ask(t.Context(), []string{"grumbles"}, []string{"x"})[0]; a.Err != nil || len(a.Stderr) != 64<<10 {
		t.Errorf("%v, %d bytes of stderr", a.Err, len(a.Stderr))
	}
}

func TestWhatSSHLeavesBehindDoesNotSpoilAnAnswer(t *testing.T) {
	s := remotetest.New(t)
	pids := filepath.Join(t.TempDir(), "pid")
	s.Host("shares", fmt.Sprintf(`sleep 98765 & echo $! >%s; %s`, pids, runs))
	a := client(s).Ask(t.Context(), []string{"shares"}, []string{"echo", "hello"})[0]
	if a.Err != nil || a.Exit != 0 || string(a.Stdout) != "hello\n" {
		t.Errorf("%+v", a)
	}
	b, _ := os.ReadFile(pids)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestNoMoreHostsAreAskedAtOnceThanAllowed(t *testing.T) {
	s := remotetest.New(t)
	dir := t.TempDir()
	var hosts []string
	for i := range 6 {
		hosts = append(hosts, fmt.Sprint("h", i))
		s.Host(hosts[i], fmt.Sprintf(`mkdir %s/$$; ls %s | wc -l; sleep 0.1; rmdir %s/$$`, dir, dir, dir))
	}
	c := client(s)
	c.AtOnce = 2
	for _, a := range c.Ask(t.Context(), hosts, []string{"x"}) {
		if n, err := strconv.Atoi(strings.TrimSpace(string(a.Stdout))); err != nil || n > 2 {
			t.Errorf("%s: %q were asked at once", a.Host, a.Stdout)
		}
	}
}

func TestAnInterruptEndsAllAsking(t *testing.T) {
	s := remotetest.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	begun := filepath.Join(t.TempDir(), "begun")
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Host("hangs", "echo >"+begun+"; exec sleep 98765")
	go func() {
		_, _ = os.ReadFile(begun)
		cancel(errors.New("interrupted"))
	}()
	c := client(s)
	c.AtOnce = 1
	for _, a := range c.Ask(ctx, []string{"hangs", "never"}, []string{"x"}) {
		if a.Err == nil {
			t.Errorf("%+v", a)
		}
	}
}
