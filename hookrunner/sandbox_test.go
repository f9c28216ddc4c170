package hookrunner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/osutil"
)

func needLandlock(t *testing.T) {
	t.Helper()
	if osutil.LandlockABI() == 0 {
		t.Skip("this kernel has no Landlock, so nothing is confined")
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes as another user")
	}
}

// hostile runs a script that tries each line of tries, and gives those that
// worked.
func (h *house) hostile(p hookrunner.Package, user string, tries []string) []string {
	h.Helper()
	var script strings.Builder
	script.WriteString("#!/bin/sh\nexec 2>/dev/null\n")
	for i, try := range tries {
		fmt.Fprintf(&script, "if ( %s ) >/dev/null; then echo %d; fi\n", try, i)
	}
	h.write(p.Root+"/meta/hooks/check-health", 0o755, script.String())
	res := h.run(context.Background(), hookrunner.Run{Package: p, User: user})
	if res.Err() != nil {
		h.Fatalf("%v: %s", res.Err(), res.Output)
	}
	var worked []string
	for word := range strings.FieldsSeq(string(res.Stdout)) {
		var i int
		if _, err := fmt.Sscan(word, &i); err == nil {
			worked = append(worked, tries[i])
		}
	}
	return worked
}

func (h *house) secrets() {
	h.write(h.dirs.State(), 0o644, "state\n")
	h.write(h.dirs.Config(), 0o644, "config\n")
	h.write(h.dirs.RunCookies()+"/db.server", 0o644, "cookie\n")
	h.write(h.dirs.RevertedData()+"/1/x", 0o644, "old\n")
	h.write(h.dirs.Logs()+"/db.log", 0o644, "log\n")
	h.write(h.dirs.Staging()+"/1/x", 0o644, "new\n")
	db := h.pkg("db", "true")
	h.write(db.Data+"/secret", 0o644, "data\n")
	h.write(db.Common+"/secret", 0o644, "data\n")
	h.write(h.dirs.Tmp("db")+"/hook/secret", 0o644, "tmp\n")
}

func TestHostileHookSeesAndTouchesNothingButItsOwn(t *testing.T) {
	needLandlock(t)
	h := newHouse(t)
	h.secrets()
	p := h.pkg("web", "")
	lib, db := h.dirs.Lib(), h.dirs.DataRevision("db", 7)
	worked := h.hostile(p, "", []string{
		"cat " + h.dirs.State(),
		"cat " + h.dirs.Config(),
		"cat " + h.dirs.RunCookies() + "/db.server",
		"cat " + h.dirs.RevertedData() + "/1/x",
		"cat " + h.dirs.Logs() + "/db.log",
		"cat " + h.dirs.Staging() + "/1/x",
		"cat " + db + "/secret",
		"cat " + h.dirs.DataCommon("db") + "/secret",
		"cat " + h.dirs.Tmp("db") + "/hook/secret",
		"cat " + h.dirs.Revision("db", 7) + "/meta/hooks/check-health",
		h.dirs.Revision("db", 7) + "/meta/hooks/check-health",
		"ls " + lib, "ls " + h.dirs.Packages(), "ls " + h.dirs.Data("db"), "ls " + h.dirs.Run(),
		"echo x > " + db + "/new", "rm " + db + "/secret", "touch " + lib + "/new",
		"mv " + p.Data + " " + p.Data + ".away", "ln " + db + "/secret $PKG_DATA/link",
		"ln -s " + db + "/secret $PKG_DATA/l && cat $PKG_DATA/l",
		"echo x > $PKG/new", "echo x >> $PKG/meta/hooks/check-health", "rm $PKG/meta/hooks/check-health",
		"echo x > " + h.dirs.RunBin() + "/ctl", "rm " + h.dirs.RunBin() + "/ctl", "echo x >> " + h.ctl,
		"echo x > /tmp/pkgd-was-here", "touch /dev/shm/pkgd-was-here", "touch /var/tmp/pkgd-was-here", "touch /usr/pkgd-was-here",
		"echo 0 > /proc/self/oom_score_adj", "echo 0 > /sys/fs/cgroup/unified/cgroup.procs",
		"mknod $PKG_DATA/disk b 254 0 && head -c 1 $PKG_DATA/disk",
		"mount -t tmpfs none $PKG_DATA",
		fmt.Sprintf("grep -q . /proc/%d/environ", os.Getpid()),
		fmt.Sprintf("cat /proc/%d/mem", os.Getpid()), fmt.Sprintf("ls /proc/%d/root/", os.Getpid()), fmt.Sprintf("readlink /proc/%d/fd/0", os.Getpid()),
	})
	for _, try := range worked {
		t.Errorf("a hook could: %s", try)
	}
}

func TestHostileHookSignalsNobodyButItsOwn(t *testing.T) {
	if !osutil.LandlockSignals() {
		t.Skip("this kernel's Landlock knows no signals")
	}
	h := newHouse(t)
	p := h.pkg("web", "")
	worked := h.hostile(p, "", []string{
		fmt.Sprintf("kill -0 %d", os.Getpid()), fmt.Sprintf("kill -URG -- %d", os.Getpid()),
		fmt.Sprintf("/bin/kill -0 %d", os.Getpid()), fmt.Sprintf("setsid kill -0 %d", os.Getpid()),
		"kill -0 $PPID && [ $PPID != $$ ]",
	})
	for _, try := range worked {
		t.Errorf("a hook could: %s", try)
	}
}

func TestConfinedHookCanDoItsWork(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "")
	h.write(p.Data+"/old", 0o644, "x\n")
	tries := []string{
		"cat $PKG/meta/hooks/check-health", "ls $PKG", "cat $PKG_DATA/old", "rm $PKG_DATA/old",
		"echo x > $PKG_DATA/new && mv $PKG_DATA/new $PKG_COMMON/new && ln $PKG_COMMON/new $PKG_DATA/hard",
		"mkdir -p $PKG_DATA/a/b && ln -s a $PKG_DATA/s && mkfifo $PKG_DATA/f && rm -r $PKG_DATA/a",
		"f=$(mktemp) && echo x > $f && test -s $f", "cp /bin/true $PKG_DATA/prog && $PKG_DATA/prog",
		"cat /etc/passwd", "ls /usr/bin", "cat /proc/meminfo", "ls /sys", "echo x > /dev/null", "head -c 1 /dev/urandom",
		"echo x > /dev/stdout", "echo x > /dev/stderr", "cat /dev/stdin", "cat <<E\nhere\nE\n",
		"ctl x", "snapctl x", "cat $(readlink -f $(command -v ctl))", "kill -0 $$", "sleep 1000 & kill $!", "sh -c 'exit 0' | cat",
	}
	if worked := h.hostile(p, "", tries); len(worked) != len(tries) {
		t.Errorf("of\n%q\nonly these work:\n%q", tries, worked)
	}
}

func TestConfinementNoneSwitchesTheSandboxOff(t *testing.T) {
	h := newHouse(t)
	h.secrets()
	p := h.pkg("web", "cat "+h.dirs.DataRevision("db", 7)+"/secret; grep NoNewPrivs /proc/self/status")
	p.Confinement = hookrunner.ConfinementNone
	res := h.run(context.Background(), hookrunner.Run{Package: p})
	if string(res.Stdout) != "data\nNoNewPrivs:\t1\n" {
		t.Errorf("%v: %s", res.Err(), res.Output)
	}
}

// A revert puts other folders in the place of those that a sandbox was made for.
func TestSandboxFollowsReplacedFolders(t *testing.T) {
	needLandlock(t)
	h := newHouse(t)
	p := h.pkg("web", "cat $PKG_DATA/who && echo x > $PKG_DATA/new")
	for _, who := range []string{"first", "second", "third"} {
		if err := os.RemoveAll(p.Data); err != nil {
			t.Fatal(err)
		}
		h.write(p.Data+"/who", 0o644, who+"\n")
		if res := h.run(context.Background(), hookrunner.Run{Package: p}); res.Err() != nil || string(res.Stdout) != who+"\n" {
			t.Errorf("%s: %v: %s", who, res.Err(), res.Output)
		}
	}
}

// Under the root "/" pkgd's own folders lie inside the system's; so they do under
// one inside of /opt.
func TestRootInsideASystemFolderStaysClosed(t *testing.T) {
	needLandlock(t)
	needRoot(t)
	root, err := os.MkdirTemp("/opt", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	h := houseAt(t, root)
	h.secrets()
	h.write(root+"/other/file", 0o644, "x\n")
	h.write(filepath.Dir(filepath.Dir(h.dirs.Config()))+"/hosts", 0o644, "x\n")
	p := h.pkg("web", "")
	closed := []string{
		"cat " + h.dirs.Config(), "cat " + h.dirs.State(), "cat " + h.dirs.DataRevision("db", 7) + "/secret",
		"cat " + h.dirs.RunCookies() + "/db.server", "ls " + h.dirs.Packages(),
	}
	open := []string{
		"cat " + root + "/other/file", "cat " + filepath.Dir(filepath.Dir(h.dirs.Config())) + "/hosts",
		"cat $PKG/meta/hooks/check-health", "echo x > $PKG_DATA/new", "ctl x",
	}
	got := h.hostile(p, "", append(closed, open...))
	if strings.Join(got, "\n") != strings.Join(open, "\n") {
		t.Errorf("what works is\n%s", strings.Join(got, "\n"))
	}
}

func TestHookOfAnotherUser(t *testing.T) {
	needRoot(t)
	h := newHouse(t)
	p := h.pkg("web", `id -un; id -Gn; echo x > $TMPDIR/mine && echo $TMPDIR; ctl x; kill -0 $(cat $PKG_DATA/daemon) 2>&1 || echo cannot signal`)
	h.write(p.Data+"/daemon", 0o644, fmt.Sprint(os.Getpid()))
	u, err := osutil.LookupUser("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds a TMPDIR that was emptied
		res := h.run(context.Background(), hookrunner.Run{Package: p, User: "nobody"})
		want := fmt.Sprintf("nobody\nnogroup\n%s/hook-%d\nctl was called as ctl with x\n", h.dirs.Tmp("web"), u.UID)
		if out := string(res.Stdout); !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "cannot signal\n") {
			t.Errorf("%v: %s", res.Err(), res.Output)
		}
		if res.Context.UID() != u.UID {
			t.Errorf("its cookie is for user %d", res.Context.UID())
		}
	}
}

func TestUnknownUserIsAnError(t *testing.T) {
	h := newHouse(t)
	_, err := h.r.Run(context.Background(), hookrunner.Run{Package: h.pkg("web", "true"), Hook: "check-health", User: "no-such-user"})
	if err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("error is %v", err)
	}
}

func TestHookIsBounded(t *testing.T) {
	h := newHouse(t)
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	// The bounds arrive just after the start: the first thing is to await the last.
	p := h.pkg("web", `until grep -q "^Max data size *[0-9]" /proc/$$/limits; do :; done
		cat /proc/self/oom_score_adj; nice; ionice; grep -i 'max data' /proc/self/limits | awk '{print $4}'; sed -n 's/.*nice //p' /proc/self/autogroup`)
	if !strings.Contains(h.r.Confinement(), "for each process") {
		t.Skip("memory is limited by cgroup here, and the test awaits the limit of the process")
	}
	res := h.run(context.Background(), hookrunner.Run{Package: p, Gentle: true})
	lines := strings.Split(string(res.Stdout), "\n")
	if len(lines) < 4 || lines[1] != "10" || lines[2] != "idle" {
		t.Fatalf("%s", res.Output)
	}
	var before, after int
	_, _ = fmt.Sscan(string(own), &before)
	_, _ = fmt.Sscan(lines[0], &after)
	if after <= before {
		t.Errorf("the kernel would take the daemon (%d) before the hook (%d)", before, after)
	}
	if lines[3] != fmt.Sprint(osutil.HostMemory()/2) {
		t.Errorf("its data may have %s bytes", lines[3])
	}
	// The kernel lets others than root set it ten times a second at most.
	if auto, err := os.ReadFile("/proc/sys/kernel/sched_autogroup_enabled"); os.Geteuid() == 0 && err == nil && string(auto) == "1\n" && lines[4] != "10" {
		t.Errorf("its session has niceness %q", lines[4])
	}
}
