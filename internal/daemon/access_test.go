package daemon_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/daemon/socket/sockettest"
)

// clientAs connects as another user, without another process: credentials are a
// thread's, and the kernel notes those of the thread that connects.
func (h *house) clientAs(w sockettest.Who) *http.Client {
	h.t.Helper()
	if os.Getuid() != 0 {
		h.t.Skip("needs root, to connect as other users")
	}
	c := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return sockettest.Dial(h.dirs.AdminSocket(), w)
		},
	}}
	return c
}

func TestEveryLocalUserMayReadHealthAndListsAndNothingElse(t *testing.T) {
	f := newFake()
	f.made.records = []api.Record{{Package: "web", Status: "active"}}
	h := startWith(t, f, nil)
	c := h.clientAs(sockettest.Nobody)
	for _, route := range daemon.Routes() {
		if route.Path == "/v1/events" {
			continue
		}
		path := strings.NewReplacer("{name}", "web", "{id}", "7", "{what}", "state").Replace(route.Path)
		resp, b := h.askAs(c, route.Method, path, "")
		want := 403
		if route.Access == "anyone" {
			want = 200
		}
		if resp.StatusCode != want {
			t.Errorf("%s %s: %d %s", route.Method, path, resp.StatusCode, b)
		}
	}
	if notes := f.notes(); len(notes) != 1 || notes[0] != "history web 0" {
		t.Errorf("something was done: %v", notes)
	}
	_, refusal := h.refusedAs(c, "POST", "/v1/packages", `{"action":"refresh"}`)
	want := api.Error{Kind: api.ErrForbidden, Message: "only root and members of group pkgd may do this", Hint: "ask as root, for example with sudo"}
	if diff := cmp.Diff(want, refusal); diff != "" {
		t.Error(diff)
	}
}

func TestMembersOfTheGroupMayChangeThingsButNotLookInside(t *testing.T) {
	group, err := user.LookupGroupId("1") // every system has it; pkgd's own need not be there
	if err != nil {
		t.Fatal(err)
	}
	h := startWith(t, newFake(), func(o *daemon.Options) { o.Group = group.Name })
	for name, w := range map[string]sockettest.Who{
		"primary":       {UID: 65534, GID: 1},
		"supplementary": {UID: 65534, GID: 65534, Groups: many(1)},
	} {
		c := h.clientAs(w)
		if resp, b := h.askAs(c, "POST", "/v1/packages", `{"action":"refresh"}`); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, b)
		}
		if status, refusal := h.refusedAs(c, "GET", "/v1/debug/state", ""); status != 403 || refusal.Message != "only root may do this" {
			t.Errorf("%s: %d %v", name, status, refusal)
		}
	}
}

// many is more groups than are read at the first try, with one among them.
func many(gid uint32) []uint32 {
	var all []uint32
	for i := range uint32(100) {
		all = append(all, 70000+i)
	}
	return append(all, gid)
}

func TestWhatHooksPrintedIsForAdminsOnly(t *testing.T) {
	f := newFake()
	secret := api.Task{ID: "1", Log: []string{"secret"}}
	f.made.why = api.Why{Package: "web", HookOutput: "secret", Error: "exited with status 1: secret", Outcome: "reverted"}
	f.made.one = api.Change{ID: "7", Err: "secret", Tasks: []api.Task{secret}, Outcomes: []api.Why{f.made.why}}
	f.made.changes = []api.Change{f.made.one}
	h := startWith(t, f, nil)
	for _, path := range []string{"/v1/packages/web/why", "/v1/changes", "/v1/changes/7", "/v1/changes/7/wait"} {
		if _, b := h.ask("GET", path, ""); !strings.Contains(string(b), "secret") {
			t.Errorf("%s: root does not see it: %s", path, b)
		}
		if _, b := h.askAs(h.clientAs(sockettest.Nobody), "GET", path, ""); strings.Contains(string(b), "secret") {
			t.Errorf("%s: nobody sees it: %s", path, b)
		}
	}
	if f.made.one.Tasks[0].Log == nil || f.made.one.Outcomes[0].HookOutput == "" {
		t.Error("the original was changed")
	}
	lines, leave := h.listenTo(h.clientAs(sockettest.Nobody), "/v1/events", "")
	defer leave()
	for kind, v := range map[string]any{"task": api.TaskEvent{Change: "7", Task: secret}, "change": f.made.one} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		f.happen(api.Event{Type: kind, Data: data})
		if _, ev := h.event(lines); ev.Type != kind || strings.Contains(string(ev.Data), "secret") {
			t.Errorf("%s event: %s", kind, ev.Data)
		}
	}
}

// run plays a role in a process of its own and gives what it and the ones that
// it left behind printed.
func run(t *testing.T, role string, env ...string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), "PKGD_TEST_ROLE="+role), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", role, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestChildrenOfTheDaemonMayReadButNotChange(t *testing.T) {
	h := start(t)
	if got := run(t, "ask:"+h.dirs.AdminSocket()); got != "200 403" {
		t.Errorf("got %s", got)
	}
}

func TestWhoCarriesACookieMayReadButNotChange(t *testing.T) {
	h := start(t)
	role := "leave-orphan:" + h.dirs.AdminSocket()
	if got := run(t, role, "PKG_COOKIE=x"); got != "200 403" {
		t.Errorf("with a cookie: %s", got)
	}
	if got := run(t, role); got != "200 200" {
		t.Errorf("without one: %s", got)
	}
}

func TestCgroupsOfPackagesAreTold(t *testing.T) {
	for text, want := range map[string]bool{
		"0::/\n": false,
		"0::/user.slice/user-0.slice/session-1.scope\n":                   false,
		"0::/system.slice/pkgd.service\n":                                 false,
		"0::/system.slice/pkgd.service/pkgd-0123456789ab/daemon\n":        false,
		"0::/system.slice/pkgd.service/pkgd-0123456789ab/hooks/17-1\n":    true,
		"1:name=systemd:/\n0::/pkgd-0123456789ab/services/web.srv.main\n": true,
		"1:name=systemd:/system.slice/pkgd.web.srv.r3.service\n0::/\n":    true,
		"0::/system.slice/pkgd-01234567.web.srv.r12.service/sub/folder\n": true,
		"0::/system.slice/pkgd-of-somebody-else.service\n":                false,
		"0::/user.slice/pkgd-0123456789ab/services\n":                     false,
	} {
		if got := daemon.IsPackageCgroup(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestConnectionHandedOnByAProcessThatEndedMayNotChange(t *testing.T) {
	h := start(t)
	if got := run(t, "leave-heir:"+h.dirs.AdminSocket()); got != "403" {
		t.Errorf("got %s", got)
	}
}

func TestSocketsOfAServiceManagerAreUsedAndLeftInPlace(t *testing.T) {
	d := shortDirs(t)
	if err := os.MkdirAll(filepath.Dir(d.AdminSocket()), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.AdminSocket()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec /proc/`+strconv.Itoa(os.Getpid())+`/exe`)
	cmd.Env = append(os.Environ(), "PKGD_TEST_ROLE=serve:"+d.Root, "LISTEN_FDS=1")
	cmd.ExtraFiles = []*os.File{f}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Errorf("got %q", line)
	}
	c, err := net.Dial("unix", d.AdminSocket())
	if err != nil {
		t.Fatal(err)
	}
	if got := say(c, read); got != "200" {
		t.Errorf("got %s", got)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.AdminSocket()); err != nil {
		t.Error("the service manager's socket is gone:", err)
	}
	if _, err := os.Stat(d.CtlSocket()); err == nil {
		t.Error("the daemon's own socket is still there")
	}
}
