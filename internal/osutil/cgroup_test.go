package osutil_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

func openCgroups(t *testing.T) *osutil.Cgroups {
	t.Helper()
	c := osutil.OpenCgroups(t.TempDir())
	if !c.Usable() {
		t.Skip("this host lets no cgroup be made: " + c.Describe())
	}
	t.Cleanup(c.Close)
	return c
}

func TestGroupHoldsItsTreeAndKillsIt(t *testing.T) {
	c := openCgroups(t)
	g, err := c.Make("services/web.server", osutil.Limits{Memory: 1 << 30, PIDs: 64, CPUWeight: 10})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, `trap '' TERM; env -i setsid sh -c 'trap "" TERM; sleep 600 & wait' & wait; sleep 600`, func(s *osutil.Spec) { s.Cgroup = g })
	if !slices.Contains(g.PIDs(), p.PID()) || g.Empty() {
		t.Errorf("the group holds %v, not %d", g.PIDs(), p.PID())
	}
	if names := c.Names("services"); !slices.Equal(names, []string{"services/web.server"}) {
		t.Errorf("the groups are %v", names)
	}
	if err := g.Freeze(true); err != nil {
		t.Error(err)
	}
	if err := g.Freeze(false); err != nil {
		t.Error(err)
	}
	if err := p.Stop(syscall.SIGTERM, 0); err != nil {
		t.Error(err)
	}
	if !g.Empty() || len(g.PIDs()) > 0 || !g.Killed() {
		t.Errorf("left are %v", g.PIDs())
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if names := c.Names("services"); len(names) > 0 {
		t.Errorf("the groups are %v", names)
	}
}

// The kernel kills what enters a group that was killed: the next one of that name
// must be another.
func TestGroupOfAnOldNameIsUsable(t *testing.T) {
	c := openCgroups(t)
	for range 3 {
		g, err := c.Make("services/web.server", osutil.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, "sleep 600 & exit 7", func(s *osutil.Spec) { s.Cgroup = g })
		<-p.Done()
		if p.Exit().Code != 7 {
			t.Errorf("%+v", p.Exit())
		}
		g.Close()
	}
}

func TestGroupOfAnEarlierDaemonIsDestroyed(t *testing.T) {
	c := openCgroups(t)
	g, err := c.Make("hooks/1", osutil.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "trap '' TERM; sleep 600; sleep 600", func(s *osutil.Spec) { s.Cgroup = g })
	again, err := c.Make("hooks/1", osutil.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Destroy(); err != nil {
		t.Error(err)
	}
	<-p.Done()
	if p.Exit().Signal != syscall.SIGKILL {
		t.Errorf("%+v", p.Exit())
	}
	g.Close()
}

func TestLimitsAreWrittenWhereThereAreControllers(t *testing.T) {
	dir := t.TempDir()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, name := range []string{"cgroup.events", "memory.max", "memory.oom.group", "pids.max", "cpu.weight", "cpu.max"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	g, err := osutil.FakeGroup(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.SetLimits(osutil.Limits{Memory: 1 << 20, PIDs: 12, CPUWeight: 34, CPUPercent: 150}); err != nil {
		t.Fatal(err)
	}
	got := []string{read("memory.max"), read("memory.oom.group"), read("pids.max"), read("cpu.weight"), read("cpu.max")}
	if want := []string{"1048576", "1", "12", "34", "150000 100000"}; !slices.Equal(got, want) {
		t.Errorf("written are %v, want %v", got, want)
	}
}

func TestLimitsThatCannotBeHeldAreSaid(t *testing.T) {
	c := osutil.OpenCgroupsIn(t.TempDir(), "/root") // a folder of plain files
	for want, l := range map[string]osutil.Limits{
		"": {},
		"memory (held for each process alone), tasks, cpu": {Memory: 1, PIDs: 1, CPUPercent: 1},
		"cpu": {CPUPercent: 50},
	} {
		if got := c.Unbounded(l); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
}

func TestMissingCgroupsAreSaidAloud(t *testing.T) {
	c := osutil.OpenCgroupsIn(t.TempDir(), "/root") // a folder of plain files
	if c.Usable() || !strings.Contains(c.Describe(), "no cgroup") {
		t.Errorf("%v: %s", c.Usable(), c.Describe())
	}
	g, err := c.Make("hooks/1", osutil.Limits{})
	if g != nil || err != nil || !g.Empty() || g.Kill() != nil || g.Remove() != nil {
		t.Errorf("%v, %v", g, err)
	}
}

// moveTo puts this process into the group at path.
func moveTo(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
}

// systemd delegates the group that the daemon is in: for controllers below it, the
// daemon must step aside. Any controller will do to see that.
func TestDelegatedGroupGetsControllers(t *testing.T) {
	home, err := osutil.OwnCgroup()
	if err != nil || os.Geteuid() != 0 {
		t.Skipf("only root may arrange cgroups, and they must be there: %v", err)
	}
	offered, _ := os.ReadFile(filepath.Join(home, "cgroup.controllers"))
	if len(strings.Fields(string(offered))) == 0 {
		t.Skip("cgroup v2 has no controller here")
	}
	controller := strings.Fields(string(offered))[0]
	control := filepath.Join(home, "cgroup.subtree_control")
	if err := os.WriteFile(control, []byte("+"+controller), 0o644); err != nil {
		t.Skipf("controller %s cannot be used here: %v", controller, err)
	}
	defer func() { _ = os.WriteFile(control, []byte("-"+controller), 0o644) }() // as it was, if nobody else uses it
	base, err := os.MkdirTemp(home, "pkgd-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(base)
	if err := unix.Setxattr(base, "user.delegate", []byte("1"), 0); err != nil {
		t.Skipf("groups take no attributes here: %v", err)
	}
	moveTo(t, base)
	defer moveTo(t, home)
	c := osutil.OpenCgroupsIn(base, "/root", controller)
	if !c.Usable() || !strings.HasSuffix(c.Describe(), " with "+controller) {
		t.Fatal(c.Describe())
	}
	now, err := osutil.OwnCgroup()
	if err != nil || filepath.Dir(filepath.Dir(now)) != base {
		t.Errorf("the daemon is in %s, %v", now, err)
	}
	if again := osutil.OpenCgroupsIn(now, "/root", controller); again.Describe() != c.Describe() {
		t.Errorf("looking again finds %s", again.Describe())
	}
	g, err := c.Make("hooks/1", osutil.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	<-start(t, "exit 0", func(s *osutil.Spec) { s.Cgroup = g }).Done()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	moveTo(t, home)
	c.Close()
}
