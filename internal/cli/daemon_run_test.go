package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/client"
	"pkgd.io/pkgd/internal/dirs"
)

// running is a real daemon on a root of its own, ended with the test.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	dirs dirs.Dirs
	log  *buffer
}

func runDaemon(t *testing.T, program string, args ...string) *running {
	t.Helper()
	d, err := dirs.New(shortDir(t))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, dirs: d, log: &buffer{}}
	r.cmd = exec.Command(program, append([]string{"run", "--root", d.Root}, args...)...)
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	c := client.New(d.AdminSocket())
	defer c.Close()
	if _, err := c.System(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, r.log)
	}
	return r
}

// logs waits until the daemon has logged a text.
func (r *running) logs(text string) {
	r.t.Helper()
	seen := make(chan struct{}, 1)
	r.log.mu.Lock()
	r.log.on = func(all string) {
		if strings.Contains(all, text) {
			select {
			case seen <- struct{}{}:
			default:
			}
		}
	}
	there := strings.Contains(r.log.b.String(), text)
	r.log.mu.Unlock()
	if there {
		return
	}
	select {
	case <-seen:
	case <-r.t.Context().Done():
		r.t.Fatalf("the daemon never logged %q:\n%s", text, r.log)
	}
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func TestRunServesUntilItIsToldToEnd(t *testing.T) {
	r := runDaemon(t, programs(t))
	r.logs("serving")
	r.signal(syscall.SIGTERM)
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, r.log)
	}
	for line := range strings.Lines(r.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a line of JSON: %s", line)
		}
	}
	if n := strings.Count(r.log.String(), `"msg":"serving"`); n != 1 {
		t.Errorf("it says %d times that it serves", n)
	}
}

func TestHangupReadsTheConfigurationAgainAndAWrongOneChangesNothing(t *testing.T) {
	r := runDaemon(t, programs(t))
	if err := os.MkdirAll(filepath.Dir(r.dirs.Config()), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ config, says string }{
		{"retain: many\n", "the configuration stays as it was"},
		{"retain: 3\n", "configuration read again"},
	} {
		if err := os.WriteFile(r.dirs.Config(), []byte(step.config), 0o644); err != nil {
			t.Fatal(err)
		}
		r.signal(syscall.SIGHUP)
		r.logs(step.says)
	}
	r.signal(syscall.SIGTERM)
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestASecondDaemonOnTheSameRootIsRefusedWithThePidOfTheFirst(t *testing.T) {
	program := programs(t)
	r := runDaemon(t, program)
	var stderr bytes.Buffer
	second := exec.Command(program, "run", "--root", r.dirs.Root)
	second.Stderr = &stderr
	err := second.Run()
	if second.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	pid := r.cmd.Process.Pid
	if want := "process " + jsonNumber(pid); !strings.Contains(stderr.String(), want) && !strings.Contains(stderr.String(), "pid "+jsonNumber(pid)) {
		t.Errorf("it says %q, without the pid %d", stderr.String(), pid)
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestRunRefusesAConfigurationThatIsWrongOrMissing(t *testing.T) {
	p := newPerson(t, shortDir(t))
	p.dir = shortDir(t)
	if err := os.WriteFile(filepath.Join(p.dir, "bad.yaml"), []byte("helth: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"run", "--config", "none.yaml"}, 1, "no such file"},
		{[]string{"run", "--config", "bad.yaml"}, 1, "bad.yaml:1:1"},
		{[]string{"run", "--listen", "http://x"}, 2, `option "--listen": "http://x" is not an address to listen on; write tcp://HOST:PORT or unix:///PATH`},
	} {
		if r := p.types(test.args...); r.code != test.code || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v says %+v", test.args, r)
		}
	}
}
