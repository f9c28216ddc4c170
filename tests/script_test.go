package tests

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"pkgd.io/pkgd/tests/daemontest"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	var err error
	if bin, err = os.MkdirTemp("/tmp", "pb"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	if err := furnish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestScripts runs every story in scripts/. Each has its own root, with short
// windows in its configuration, and no daemon until it starts one:
//
//	exec pkgd run &daemon&
func TestScripts(t *testing.T) {
	// The path of a unix socket has at most 107 bytes: $TMPDIR may be too long.
	work, err := os.MkdirTemp("/tmp", "pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemontest.RemoveAll(work) })
	testscript.Run(t, testscript.Params{
		Dir:         "scripts",
		WorkdirRoot: work,
		Setup:       setup,
		Condition:   condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"executable": executable,
			"collector":  collector,
			"until":      until,
			"exits":      exits,
			"field":      field,
			"fields":     fields,
			"host":       host,
			"hostile":    hostile,
			"free-port":  freePort,
			"small-disk": smallDisk,
		},
	})
}

const quick = "health: {interval: 1h, settle: 500ms, bake: 100ms}\n"

func setup(env *testscript.Env) error {
	root := filepath.Join(env.WorkDir, "r")
	if *ofHost {
		root = ""
		if err := clearHost(); err != nil {
			return err
		}
	}
	etc := filepath.Join(root+"/", "etc/pkgd")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return err
	}
	env.Setenv("PKGD_ROOT", root)
	env.Setenv("R", root)
	env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	env.Setenv("NO_COLOR", "1")
	env.Setenv("LANG", "C.UTF-8")
	return os.WriteFile(filepath.Join(etc, "pkgd.yaml"), []byte(quick), 0o644)
}

// executable makes the hooks, plug-ins and programs of package folders so: an
// archive of text cannot carry the bit.
func executable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: executable DIR…")
	}
	for _, dir := range args {
		for _, glob := range []string{"meta/hooks/*", "meta/health.d/*", "bin/*"} {
			files, err := filepath.Glob(filepath.Join(ts.MkAbs(dir), glob))
			ts.Check(err)
			for _, f := range files {
				ts.Check(os.Chmod(f, 0o755))
			}
		}
	}
}

// freePort writes, in the place of a word in files, the number of a port of the
// loopback that nobody listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: free-port WORD FILE…")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	ts.Check(l.Close())
	for _, file := range args[1:] {
		path := ts.MkAbs(file)
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(text), args[0], port)), 0o644))
	}
}

// exits runs a command that has to exit with the code that comes first.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]…")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("cannot run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s: exited with %d, not %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// until runs a command again and again until it succeeds, or fails with "!": for
// what the daemon does in its own time. It takes a breath between two tries, so
// that the waiting does not slow down what is waited for. It gives up after 90 s, which is no
// figure to reach but the end of a hung test.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: until COMMAND [ARG]…")
	}
	script := `end=$(($(date +%s) + 90)); while [ $(date +%s) -lt $end ]; do if "$@"; then [ "$NEG" ] || exit 0; elif [ "$NEG" ]; then exit 0; fi; sleep 0.05; done >/dev/null 2>&1; exit 1`
	full := append([]string{"-c", script, "until"}, args...)
	if neg {
		ts.Setenv("NEG", "1")
		defer ts.Setenv("NEG", "")
	}
	if err := ts.Exec("sh", full...); err != nil {
		ts.Fatalf("never came: %s", strings.Join(args, " "))
	}
}
