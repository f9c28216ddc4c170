package osutil_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"pkgd.io/pkgd/internal/osutil"
)

// start starts a shell script as a tree, and stops it at the test's end.
func start(t *testing.T, script string, with func(*osutil.Spec)) *osutil.Process {
	t.Helper()
	s := osutil.Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/"}
	if with != nil {
		with(&s)
	}
	p, err := osutil.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(9, 0); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestProcReadsAnyName(t *testing.T) {
	old, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile("/proc/self/comm", old, 0) }()
	if err := os.WriteFile("/proc/self/comm", []byte("a) Z 1 (b"), 0); err != nil {
		t.Fatal(err)
	}
	p, err := osutil.ReadProc(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != os.Getpid() || p.PPID != os.Getppid() || p.Dead() || p.Start == 0 {
		t.Errorf("%+v", p)
	}
}

func TestProcOfNobodyIsNotThere(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if p, err := osutil.ReadProc(cmd.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestProcessesAreFoundByTheirEnvironment(t *testing.T) {
	begun, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	stay, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := start(t, "echo begun; read end", func(s *osutil.Spec) {
		s.Env = append(s.Env, "PKG_COOKIE=c1", "OTHER=")
		s.Stdin, s.Stdout = stay, out
	})
	stay.Close()
	out.Close()
	if _, err := begun.Read(make([]byte, 1)); err != nil { // a process that is only becoming its program has none
		t.Fatal(err)
	}
	found := osutil.FindByCookie("c1")
	if len(found) != 1 || found[0].PID != p.PID() || found[0].Start != p.StartTime() {
		t.Errorf("found %+v, want %d", found, p.PID())
	}
	for entry, want := range map[string]bool{
		"PKG_COOKIE": true, "PKG_COOKIE=c1": true, "OTHER": true, "OTHER=": true,
		"PKG_COOKIE=c": false, "PKG": false, "COOKIE=c1": false, "NONE": false,
	} {
		if osutil.EnvironHas(p.PID(), entry) != want {
			t.Errorf("has %s: %v", entry, !want)
		}
	}
	if found := osutil.FindByEnv("PKG_COOKIE=c1", "NONE"); len(found) > 0 {
		t.Errorf("found by an entry that is not there: %+v", found)
	}
}

func TestFindNeverGivesTheFinderOrItsAncestors(t *testing.T) {
	for _, p := range osutil.FindByEnv("PATH") {
		if p.PID == os.Getpid() || p.PID == os.Getppid() {
			t.Errorf("found %+v", p)
		}
	}
}

func TestDescendants(t *testing.T) {
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
	start(t, `(env -i setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600`, func(s *osutil.Spec) { s.Stdout = w })
	w.Close()
	orphan := scanInt(t, out)
	if !osutil.IsDescendant(orphan) {
		t.Error("an adopted orphan is no descendant")
	}
	if osutil.IsDescendant(os.Getpid()) || osutil.IsDescendant(os.Getppid()) || osutil.IsDescendant(1) || osutil.IsDescendant(0) {
		t.Error("the process itself or an ancestor is a descendant")
	}
}
