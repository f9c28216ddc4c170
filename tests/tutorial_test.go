package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/tests/daemontest"
)

// step is one command that the tutorial shows, with what it prints.
type step struct{ command, output string }

var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// steps reads the commands and outputs out of a page's console blocks.
func steps(page string) (all []step) {
	for _, block := range console.FindAllStringSubmatch(page, -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			all = append(all, step{command, output})
		}
	}
	return all
}

// varying is what is different in every run: times, durations, what a pipe gets
// and a terminal does not, and how wide a column is for them.
var varying = []struct {
	text *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(` \| active=.*`), ""},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:]+Z?`), "TIME"},
	{regexp.MustCompile(`-\d{8}-\d{6}`), "-TIME"},
	{regexp.MustCompile(`[\d.]+ (s|min|h)\b`), "WHILE"},
	{regexp.MustCompile(`just now`), "WHILE ago"},
	{regexp.MustCompile(` \(the last of \d+ runs\)`), ""}, // the first may come before the service is up
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(`(?m) $`), ""},
	// Steps that have a line only where they took half a second.
	{regexp.MustCompile(`(?m)^ ✓ (?:fetch|verify|copy data|set aside data|[a-z]+ package|[a-z]+ revisions|install|configure|remove|pre-refresh|post-refresh) WHILE\n`), ""},
}

func plain(s string) string {
	for _, v := range varying {
		s = v.text.ReplaceAllString(s, v.as)
	}
	return strings.TrimSpace(s)
}

// TestTheTutorialShowsWhatHappens runs every command that the tutorial shows, in
// its order, and compares what it prints, but for what varies.
func TestTheTutorialShowsWhatHappens(t *testing.T) {
	page, err := os.ReadFile("../docs/tutorial/first-package.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemontest.RemoveAll(dir) })
	env := append(os.Environ(), "PKGD_ROOT="+filepath.Join(dir, "r"), "PATH="+bin+":"+os.Getenv("PATH"), "NO_COLOR=1", "LANG=C.UTF-8", "EXIT=0")
	serve(t, env)
	for _, s := range steps(string(page)) {
		sh := exec.Command("sh", "-c", "(exit $EXIT); "+s.command)
		sh.Dir, sh.Env = dir, env
		out, err := sh.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if d := cmp.Diff(plain(s.output), plain(strings.ReplaceAll(string(out), dir, "/home/you/pkgd-work"))); d != "" {
			t.Errorf("$ %s\n%s", s.command, d)
		}
		env[len(env)-1] = "EXIT=" + strings.TrimPrefix(sh.ProcessState.String(), "exit status ")
	}
}

// serve runs a daemon until the test ends. Clients wait for it to begin.
func serve(t *testing.T, env []string) {
	t.Helper()
	daemon := exec.Command(filepath.Join(bin, "pkgd"), "run")
	daemon.Env = env
	var log strings.Builder
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(daemon.Process.Signal(syscall.SIGTERM), daemon.Wait()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
}
