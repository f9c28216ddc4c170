package cli_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
)

func TestWithoutDaemonSaysHowToStartIt(t *testing.T) {
	root := shortDir(t)
	r := newPerson(t, root).types("list")
	want := "error: cannot reach pkgd on " + root + "/run/pkgd/pkgd.socket: no such file or directory\n" +
		"  start it in a terminal of its own: pkgd run\n"
	if r.code != 1 || r.stderr != want || r.stdout != "" {
		t.Errorf("got %+v, want %q", r, want)
	}
}

func TestAdviceNamesTheRootWhereItIsNotKnownOtherwise(t *testing.T) {
	root := shortDir(t)
	p := newPerson(t, "")
	r := p.types("--root", root, "list")
	if want := "pkgd --root " + root + " run"; !strings.Contains(r.stderr, want) {
		t.Errorf("stderr %q does not say %q", r.stderr, want)
	}
}

func TestHealthWithoutDaemonIsUnknownToMonitoring(t *testing.T) {
	for _, args := range [][]string{{"health"}, {"health", "web"}, {"check"}, {"health", "--watch"}} {
		if r := newPerson(t, shortDir(t)).types(args...); r.code != 3 {
			t.Errorf("%v exits %d, want 3", args, r.code)
		}
	}
}

func TestARootTooLongForSocketsIsRefused(t *testing.T) {
	r := newPerson(t, "/"+strings.Repeat("x", 120)).types("list")
	if r.code != 2 || !strings.Contains(r.stderr, "too long") {
		t.Errorf("got %+v", r)
	}
}

func TestRelativeRootIsFromWhereThePersonIs(t *testing.T) {
	p := newPerson(t, "")
	p.dir = shortDir(t)
	r := p.types("list", "--root", "x")
	if want := filepath.Join(p.dir, "x/run/pkgd/pkgd.socket"); !strings.Contains(r.stderr, want) {
		t.Errorf("stderr %q does not name %s", r.stderr, want)
	}
}

// Who may not open the socket is told what would help. Root may open anything,
// so it is another user's process that tries.
func TestWithoutPermissionTheGroupIsNamed(t *testing.T) {
	root := shortDir(t)
	d, err := dirs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(root, 0o755), os.MkdirAll(d.Run(), 0o755)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", d.AdminSocket())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(d.AdminSocket(), 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copyOfPkgd(t), "--root", root, "list")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for _, want := range []string{"permission denied", "group pkgd"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("stderr %q does not say %q", stderr.String(), want)
		}
	}
}

// copyOfPkgd is a pkgd that another user can run as well.
func copyOfPkgd(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	path := filepath.Join(dir, "pkgd")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInterruptLeavesTheChangeAndSaysHowToFollowIt(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("POST /v1/packages", `{"type":"async","status-code":202,"change":"5"}`)
	d.answer("GET /v1/changes/5", `{"id":"5","status":"Doing","plan":[{"package":"web","action":"refresh","from-version":"1","to-version":"2"}],"tasks":[]}`)
	d.answer("GET /v1/changes/5/wait", `{}`)
	d.release = make(chan struct{})
	p := newPerson(t, d.root)
	ctx, interrupt := context.WithCancel(t.Context())
	p.ctx = ctx
	p.stderr.on = func(text string) {
		if strings.Contains(text, "web 1 → 2") {
			interrupt()
		}
	}
	r := p.types("refresh", "web")
	want := "web 1 → 2\nerror: interrupted: change 5 goes on\n  watch it: pkgd watch 5 · take it back: pkgd abort 5\n"
	if r.code != 1 || r.stderr != want {
		t.Errorf("got %+v, want %q", r, want)
	}
}

func TestWaitSurvivesARestartOfTheDaemon(t *testing.T) {
	d := newFakeDaemon(t)
	d.drops = 2
	d.answer("POST /v1/packages", `{"type":"async","status-code":202,"change":"5"}`)
	d.answer("GET /v1/changes/5/wait", `{"id":"5","status":"Done","ready":true,"plan":[],"outcomes":[{"package":"web","kind":"install","to-version":"2","outcome":"done"}]}`)
	if r := newPerson(t, d.root).types("install", "web"); r.code != 0 || r.stdout != "web 2 installed\n" {
		t.Errorf("got %+v", r)
	}
}

func TestDaemonThatStaysAwayIsToldWithTheChange(t *testing.T) {
	d := newFakeDaemon(t)
	d.drops = 1
	d.answer("POST /v1/packages", `{"type":"async","status-code":202,"change":"5"}`)
	p := newPerson(t, d.root)
	d.gone = func() { d.server.Config.Close() }
	r := p.types("install", "web")
	if r.code != 1 || !strings.Contains(r.stderr, "change 5 goes on when pkgd is back") {
		t.Errorf("got %+v", r)
	}
}

// The story comes as it happens, not when all is over: each line makes the test
// go on to the next event.
func TestStoryIsToldWhileItHappens(t *testing.T) {
	d := newFakeDaemon(t)
	task := func(status string) string {
		return `{"id":"1","kind":"unpack-package","status":"` + status + `","package":"web","doing":0.2,"log":[]}`
	}
	d.answer("POST /v1/packages", `{"type":"async","status-code":202,"change":"5"}`)
	d.answer("GET /v1/changes/5", `{"id":"5","status":"Doing","plan":[{"package":"web","action":"install","to-version":"2"}],"tasks":[`+task("Doing")+`]}`)
	d.answer("GET /v1/events?types=task", "event: task\ndata: "+
		`{"type":"task","at":"2026-07-29T12:00:00Z","data":{"change":"4","id":"1","status":"Error"}}`+"\n\nevent: task\ndata: "+
		`{"type":"task","at":"2026-07-29T12:00:00Z","data":{"change":"5",`+strings.TrimPrefix(task("Done"), "{")+"}\n\n")
	d.answer("GET /v1/changes/5/wait", `{"id":"5","status":"Done","ready":true,"plan":[{"package":"web","action":"install","to-version":"2"}],"tasks":[`+task("Done")+`],
		"outcomes":[{"package":"web","kind":"install","to-version":"2","outcome":"done"}]}`)
	d.release = make(chan struct{})
	p := newPerson(t, d.root)
	p.stderr.on = func(text string) {
		if strings.Contains(text, "✓ unpack") {
			p.stderr.on = nil
			close(d.release)
		}
	}
	r := p.types("install", "web")
	if want := "web 2\n  ✓ unpack         0.2 s\n"; r.code != 0 || r.stderr != want || r.stdout != "web 2 installed\n" {
		t.Errorf("got %+v", r)
	}
}

func TestOnATerminalWhatIsAtWorkIsDrawnAndWiped(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("POST /v1/packages", `{"type":"async","status-code":202,"change":"5"}`)
	d.answer("GET /v1/changes/5", `{"id":"5","status":"Doing","plan":[{"package":"web","action":"install","to-version":"2"}],"tasks":[
		{"id":"1","kind":"fetch-package","status":"Doing","package":"web","log":[],"progress":{"label":"web_2.pkg","done":30,"total":40}}]}`)
	d.answer("GET /v1/changes/5/wait", `{"id":"5","status":"Done","ready":true,"plan":[{"package":"web","action":"install","to-version":"2"}],"tasks":[],"outcomes":[]}`)
	d.release = make(chan struct{})
	p := newPerson(t, d.root)
	p.terminal = true
	p.stderr.on = func(text string) {
		if strings.Contains(text, "75 %  web_2.pkg") {
			p.stderr.on = nil
			close(d.release)
		}
	}
	r := p.types("install", "web")
	if r.code != 0 || !strings.HasSuffix(r.stderr, "\x1b[1A\x1b[J") {
		t.Errorf("got %+v", r)
	}
}

func TestExecBecomesTheAppWithItsOwnEnvironment(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("POST /v1/exec", `{"command":["/pkg/bin/admin","--app"],"dir":"/pkg","env":["PKG_NAME=web","TERM=vt52"]}`)
	for _, args := range [][]string{
		{"exec", "web.admin", "--", "users", "--all", "--format=csv"},
		{"exec", "web.admin", "users", "--all", "--format=csv"},
	} {
		p := newPerson(t, d.root)
		p.env["TERM"], p.env["COLORTERM"], p.env["SECRET"] = "xterm", "yes", "s"
		var got string
		p.exec = func(path string, argv, env []string) error {
			got = path + " " + strings.Join(argv, " ") + " | " + strings.Join(env, " ")
			return nil
		}
		r := p.types(args...)
		want := "/pkg/bin/admin /pkg/bin/admin --app users --all --format=csv | PKG_NAME=web TERM=vt52 COLORTERM=yes"
		if r.code != 0 || got != want {
			t.Errorf("%v: got %+v, %q; want %q", args, r, got, want)
		}
	}
}

func TestExecSaysWhyAnAppCannotRun(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("POST /v1/exec", `{"command":["/pkg/bin/admin"],"dir":"/pkg","env":[]}`)
	p := newPerson(t, d.root)
	p.exec = func(string, []string, []string) error { return syscall.EACCES }
	if r := p.types("exec", "web.admin"); r.code != 1 || r.stderr != "error: cannot run web.admin: permission denied\n" {
		t.Errorf("got %+v", r)
	}
}

func TestMainIsThin(t *testing.T) {
	b, err := os.ReadFile("../../cmd/pkgd/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n > 20 {
		t.Errorf("cmd/pkgd/main.go has %d lines", n)
	}
}
