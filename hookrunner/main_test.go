package hookrunner_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// daemonVar makes the test program a daemon that runs one hook and is killed over
// it: its value is the root.
const daemonVar = "HOOKRUNNER_TEST_DAEMON"

func TestMain(m *testing.M) {
	if root := os.Getenv(daemonVar); root != "" {
		fmt.Fprintln(os.Stderr, beDaemon(root, len(os.Args) > 1))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func beDaemon(root string, withoutCgroups bool) error {
	d, err := dirs.New(root)
	if err != nil {
		return err
	}
	r, err := hookrunner.New(hookrunner.Options{Dirs: d, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if withoutCgroups {
		r.WithoutCgroups()
	}
	p := hookrunner.Package{
		Name: "web", Revision: 7,
		Root: d.Revision("web", 7), Data: d.DataRevision("web", 7), Common: d.DataCommon("web"),
	}
	_, err = r.Run(context.Background(), hookrunner.Run{Package: p, Hook: "check-health"})
	return err
}

// killedDaemon runs a daemon on h's root until its hook has written path, and
// kills it.
func (h *house) killedDaemon(path string, args ...string) {
	h.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), daemonVar+"="+h.dirs.Root)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.appears(path)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, as it should be
}

func TestHooksOfAKilledDaemonAreEnded(t *testing.T) {
	for name, args := range map[string][]string{"with cgroups": nil, "without cgroups": {"without-cgroups"}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p := h.pkg("web", `trap '' TERM
				setsid sh -c 'trap "" TERM; echo $$ > $PKG_DATA/child; while :; do sleep 1; done' &
				until [ -s $PKG_DATA/child ]; do :; done
				echo $$ > $PKG_DATA/pid; while :; do sleep 1; done`)
			h.killedDaemon(p.Data+"/pid", args...)
			pids := []int{h.pid(p.Data + "/pid"), h.pid(p.Data + "/child")}
			for _, pid := range pids {
				if _, err := osutil.ReadProc(pid); err != nil {
					t.Fatalf("the test proves nothing: %v", err)
				}
			}
			h.r.KillLeftovers(context.Background())
			for _, pid := range pids {
				if proc, err := osutil.ReadProc(pid); err == nil && !proc.Dead() {
					t.Errorf("it lives on: %+v", proc)
				}
			}
		})
	}
}

func TestHooksOfAnotherRootAreLeftAlone(t *testing.T) {
	other, h := newHouse(t), newHouse(t)
	p := other.pkg("web", `echo $$ > $PKG_DATA/pid; until [ -s $PKG_DATA/go ]; do sleep 0.02; done; echo unharmed`)
	done := make(chan hookrunner.Result, 1)
	go func() { done <- other.run(context.Background(), hookrunner.Run{Package: p}) }()
	other.appears(p.Data + "/pid")
	h.r.KillLeftovers(context.Background())
	other.write(p.Data+"/go", 0o644, "x\n")
	if res := <-done; string(res.Stdout) != "unharmed\n" {
		t.Errorf("%+v", res)
	}
}

// The same tests once more, as a daemon without privileges has it.
func TestEverythingWorksWithoutPrivileges(t *testing.T) {
	needRoot(t)
	nobody, err := osutil.LookupUser("nobody")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	prog := filepath.Join(dir, "test")
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(prog, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(prog, "-test.failfast")
	if testing.Short() {
		cmd.Args = append(cmd.Args, "-test.short")
	}
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME=/", "TMPDIR=/tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody.UID, Gid: nobody.GID}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestAnotherUserIsRefusedWithoutPrivileges(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may start processes as anyone; TestEverythingWorksWithoutPrivileges runs this")
	}
	h := newHouse(t)
	_, err := h.r.Run(context.Background(), hookrunner.Run{Package: h.pkg("web", "true"), Hook: "check-health", User: "root"})
	want := fmt.Sprintf(`cannot run hook check-health: cannot run as user "root": only root can, and this is user %d`, os.Geteuid())
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
