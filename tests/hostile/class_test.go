package hostile

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/socket/sockettest"
	"pkgd.io/pkgd/tests/daemontest"
)

// class is somebody who asks, and what they are to the daemon.
type class struct {
	name         string
	admin, owner bool
	// ask makes all requests, each on a connection of its own.
	ask func(socket string, asked []request) []answer
}

// classes are all who can come to a socket of this host. Without root there are
// fewer: nobody else can be played.
func (w *world) classes(group int) []class {
	all := []class{
		{name: "root", admin: true, owner: true, ask: w.as(func(socket string) (net.Conn, error) { return net.Dial("unix", socket) })},
		{name: "hook", ask: w.inHook("hook")},
		{name: "orphan of a hook", ask: w.inHook("orphan")},
		{name: "service", ask: w.inService},
		{name: "app", ask: w.inApp},
	}
	if os.Geteuid() != 0 {
		all[0].name = "the daemon's own user"
		return all
	}
	all = append(all,
		class{name: "plain user", ask: w.asUser(sockettest.Nobody)},
		class{name: "plain user in many groups", ask: w.asUser(sockettest.Who{UID: 65533, GID: 65533, Groups: others(group)})},
		class{name: "in the service's cgroup", ask: w.inCgroup},
	)
	if group >= 0 {
		all = append(all,
			class{name: "of group pkgd", admin: true, ask: w.asUser(sockettest.Who{UID: 65532, GID: group})},
			class{name: "also of group pkgd", admin: true, ask: w.asUser(sockettest.Who{UID: 65531, GID: 65531, Groups: []uint32{7, uint32(group)}})},
		)
	}
	return all
}

// others are many groups without the one.
func others(group int) (gids []uint32) {
	for gid := range uint32(200) {
		if int(gid) != group && gid != 0 {
			gids = append(gids, gid)
		}
	}
	return gids
}

// as asks in this process.
func (w *world) as(dial func(socket string) (net.Conn, error)) func(string, []request) []answer {
	return func(socket string, asked []request) (got []answer) {
		w.t.Helper()
		for _, q := range asked {
			a, err := exchange(func() (net.Conn, error) { return dial(socket) }, q)
			if err != nil {
				w.t.Errorf("%s %s: %v", q.Method, q.Path, err)
			}
			got = append(got, a)
		}
		return got
	}
}

func (w *world) asUser(who sockettest.Who) func(string, []request) []answer {
	return w.as(func(socket string) (net.Conn, error) { return sockettest.Dial(socket, who) })
}

// put writes questions where a process of web finds them, and gives where its
// answers will be.
func (w *world) put(who string, asked []request) (answers string) {
	w.t.Helper()
	b, err := json.Marshal(asked)
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.Dirs.DataCommon("web")
	if err := writeWhole(filepath.Join(dir, who+"-asks"), b); err != nil {
		w.t.Fatal(err)
	}
	return filepath.Join(dir, who+"-hears")
}

func (w *world) take(answers string) (got []answer) {
	w.t.Helper()
	b, err := os.ReadFile(answers)
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.Log.String())
	}
	_ = os.Remove(answers)
	return got
}

// inHook asks by a check-health that runs for it. The socket is the admin's.
func (w *world) inHook(who string) func(string, []request) []answer {
	return func(_ string, asked []request) []answer {
		w.t.Helper()
		answers := w.put(who, asked)
		h, err := w.Client.Check(w.Context(), api.HealthRequest{Names: []string{"web"}, Verbose: true})
		if err != nil || len(h.Packages) != 1 || h.Packages[0].Status != "active" {
			w.t.Fatalf("check: %+v %v", h, err)
		}
		return w.take(answers)
	}
}

func (w *world) inService(_ string, asked []request) []answer {
	w.t.Helper()
	answers := w.put("service", asked)
	daemontest.Eventually(w.t, "answers to the service", func() bool {
		_, err := os.Stat(answers)
		return err == nil
	})
	return w.take(answers)
}

// inApp asks as what an admin runs by pkgd exec: with its environment, of no
// kin to the daemon.
func (w *world) inApp(socket string, asked []request) []answer {
	w.t.Helper()
	x, err := w.Client.Exec(w.Context(), api.ExecRequest{Package: "web", App: "tool"})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.outside(socket, asked, func(cmd *exec.Cmd) { cmd.Env = x.Env })
}

// inCgroup asks as a process that nothing ties to web but its cgroup.
func (w *world) inCgroup(socket string, asked []request) []answer {
	w.t.Helper()
	list, err := w.Client.Services(w.Context(), []string{"web"})
	if err != nil || len(list) != 1 || list[0].PID == 0 {
		w.t.Fatalf("services: %+v %v", list, err)
	}
	dir := cgroupOf(w.t, list[0].PID)
	if !strings.Contains(dir, "/pkgd-") {
		w.t.Log("this machine lets services have no cgroups of their own")
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	return w.outside(socket, asked, func(cmd *exec.Cmd) {
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	})
}

func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			for _, top := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
				if _, err := os.Stat(top + "/cgroup.procs"); err == nil {
					return top + path
				}
			}
		}
	}
	return ""
}

// outside asks in a process that this one starts.
func (w *world) outside(socket string, asked []request, with func(*exec.Cmd)) []answer {
	w.t.Helper()
	dir := w.t.TempDir()
	b, err := json.Marshal(asked)
	if err == nil {
		err = os.WriteFile(dir+"/asks", b, 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "play", "ask", socket, dir+"/asks", dir+"/hears")
	with(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return w.take(dir + "/hears")
}

// withGroup makes group pkgd exist for the daemon where the machine has none: in
// a mount namespace of its own, so that the machine stays as it is. It gives the
// group's number, or -1 where there is none to be had.
func (w *world) withGroup() int {
	w.t.Helper()
	if found, err := user.LookupGroup("pkgd"); err == nil {
		gid, _ := strconv.Atoi(found.Gid)
		return gid
	}
	const gid = 64999
	b, err := os.ReadFile("/etc/group")
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "group")
	if err := os.WriteFile(file, fmt.Appendf(b, "pkgd:x:%d:\n", gid), 0o644); err != nil {
		w.t.Fatal(err)
	}
	wrap := []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/group && exec "$@"`, file}
	if out, err := exec.Command(wrap[0], append(wrap[1:], "true")...).CombinedOutput(); err != nil {
		w.t.Logf("group pkgd cannot be played: %v: %s", err, out)
		return -1
	}
	w.Wrap = wrap
	return gid
}
