package supervisor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/supervisor"
)

// daemonWord as first argument makes the test program a daemon that starts one
// service, says so, and waits to be killed.
const daemonWord = "supervisor-test-daemon"

func beDaemon() {
	if len(os.Args) != 5 || os.Args[1] != daemonWord {
		return
	}
	if err := runDaemon(os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

func runDaemon(root, kind, text string) error {
	d, err := dirs.New(root)
	if err != nil {
		return err
	}
	m, err := supervisor.New(supervisor.Options{Dirs: d, Log: slog.Default(), Cgroups: cgroupsOf(kind)})
	if err != nil {
		return err
	}
	if err := m.Start(context.Background(), []service.Unit{lonely(root, text)}); err != nil {
		return err
	}
	fmt.Println("up")
	return nil
}

func cgroupsOf(kind string) *osutil.Cgroups {
	if kind == "none" {
		return &osutil.Cgroups{}
	}
	return nil
}

// lonely is a service that fails when another instance of it lives, a child of
// it too.
func lonely(root, text string) service.Unit {
	return service.Unit{
		Package: "web", Revision: 1, Name: "a", Restart: service.RestartNo,
		Command: []string{"/bin/sh", "-c", "exec 9>" + root + "/lock; flock -n 9 || exit 9; cd " + root + "; " + text},
		Env:     []string{"PATH=" + os.Getenv("PATH")},
		Dir:     "/", Cookie: "c00k1e",
		Ready: &pkginfo.Ready{Exec: "/usr/bin/test -e " + root + "/ready"},
	}
}

// killDaemon starts a daemon with a service and kills it, and only it.
func killDaemon(t *testing.T, d dirs.Dirs, kind, text string) {
	t.Helper()
	daemon := exec.Command(os.Args[0], daemonWord, d.Root, kind, text)
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it was killed
	if said != "up\n" {
		t.Fatalf("the daemon says %q", said)
	}
}

func pidIn(t *testing.T, path ...string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive says whether the process runs; one that nobody has reaped does not.
func alive(pid int) bool {
	p, err := osutil.ReadProc(pid)
	return err == nil && !p.Dead()
}

// What a service may be like when its daemon is killed.
const (
	simple   = "echo $$ >main; echo $$ >child; : >ready; exec sleep 1000"
	family   = "echo $$ >main; setsid sh -c 'echo $$ >child; : >ready; exec sleep 1000' & wait"
	stubborn = `trap "" TERM; echo $$ >main; echo $$ >child; : >ready; exec sleep 1000`
	unmarked = "echo $$ >main; echo $$ >child; : >ready; exec env -i sleep 1000"
)

func TestAServiceThatOutlivedItsDaemonIsEndedBeforeItIsStartedAgain(t *testing.T) {
	for _, c := range []struct {
		says, kind, text string
		records          bool
	}{
		{"by its cgroup", "", unmarked, false},
		{"with its children, by its cgroup", "", family, true},
		{"by its record", "none", unmarked, true},
		{"by its environment, where the daemon died before the record was written", "none", family, false},
		{"though it does not heed TERM", "none", stubborn, true},
	} {
		t.Run(c.says, func(t *testing.T) {
			d := newRoot(t)
			if c.kind == "" && !osutil.OpenCgroups(d.Root).Usable() {
				t.Skip("no cgroup can be made here")
			}
			killDaemon(t, d, c.kind, c.text)
			pids := []int{pidIn(t, d.Root, "main"), pidIn(t, d.Root, "child")}
			if !alive(pids[1]) {
				t.Fatal("the service did not outlive the daemon")
			}
			if !c.records {
				forgetRecords(t, d)
			}
			m := newSupervisorWith(t, supervisor.Options{Dirs: d, Cgroups: cgroupsOf(c.kind)})
			defer shutdown(t, m)
			start(t, m, lonely(d.Root, simple))
			if s := status(t, m, "a"); s.State != service.Active {
				t.Errorf("the new instance is not alone: %+v", s)
			}
			for _, pid := range pids {
				if alive(pid) {
					t.Errorf("process %d is still there", pid)
				}
			}
		})
	}
}

// A change that goes on after a crash stops services to touch their data.
func TestAServiceThatOutlivedItsDaemonIsGoneWhenItIsStopped(t *testing.T) {
	d := newRoot(t)
	killDaemon(t, d, "none", stubborn)
	pid := pidIn(t, d.Root, "main")
	if !alive(pid) {
		t.Fatal("it did not outlive its daemon")
	}
	m := newManager(t, d)
	if err := m.Stop(t.Context(), "web", nil); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("it lives on though its package was stopped")
	}
}

func forgetRecords(t *testing.T, d dirs.Dirs) {
	t.Helper()
	entries, err := os.ReadDir(d.RunServices())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(d.RunServices(), e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAProcessThatOnlyHasTheIdOfARecordIsLeftAlone(t *testing.T) {
	d := newRoot(t)
	if err := os.MkdirAll(d.RunServices(), 0o700); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	record := fmt.Sprintf(`{"package":"web","name":"a","mark":"PKGD_TREE=x","pid":%d,"start":1}`, other.Process.Pid)
	if err := os.WriteFile(filepath.Join(d.RunServices(), "web.a"), []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	m := newManager(t, d)
	start(t, m, script(t, "a", "exec sleep 1000"))
	if err := other.Process.Signal(syscall.Signal(0)); err != nil || !alive(other.Process.Pid) {
		t.Errorf("another's process was ended: %v", err)
	}
}

func TestARecordIsThereWhileAServiceRunsAndNothingAfterShutdown(t *testing.T) {
	d := newRoot(t)
	m := newSupervisor(t, d)
	start(t, m, script(t, "a", "exec sleep 1000"))
	fi, err := os.Stat(filepath.Join(d.RunServices(), "web.a"))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the record of a running service: %v, %v", fi, err)
	}
	shutdown(t, m)
	if exists(t, d.RunServices()) {
		t.Error("the records' folder outlived the supervisor")
	}
}

func TestShutdownKillsWhatDoesNotHeedItInTime(t *testing.T) {
	m := newSupervisor(t, newRoot(t))
	u := script(t, "a", `trap "" TERM; exec sleep 1000`)
	start(t, m, u)
	pid := status(t, m, "a").PID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Error("the service outlived the supervisor")
	}
}

func TestNoChildAndNoDescriptorIsLeftBehind(t *testing.T) {
	d := newRoot(t)
	m := newSupervisor(t, d)
	u := script(t, "a", "setsid sleep 1000 & exec sleep 1000")
	start(t, m, u) // what the first start opens for good is no leak
	before := openFiles(t)
	for range 5 {
		if err := m.Restart(t.Context(), []service.Unit{u}); err != nil {
			t.Fatal(err)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d open files have become %d", before, after)
	}
	shutdown(t, m)
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
