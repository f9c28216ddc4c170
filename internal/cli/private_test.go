package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/cli"
	"pkgd.io/pkgd/internal/needs"
)

// asNobody takes a command's privileges away, where there are any, and gives it a
// folder to work in.
func asNobody(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Dir = "/"
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
}

// leavesNothing checks that no folder and no process of a private daemon is left.
func leavesNothing(t *testing.T, tmp string) {
	t.Helper()
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	environs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range environs {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), tmp) {
			t.Errorf("%s runs on: %q", f, b)
		}
	}
}

func TestDemoShowsARevertThatReallyHappens(t *testing.T) {
	tmp := shortDir(t)
	cmd := exec.Command(programs(t), "demo")
	asNobody(t, cmd, tmp)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "LANG=C.UTF-8", "PKGD_ROOT=/nowhere")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	show := string(out)
	for _, scene := range []string{
		"$ pkgd install ./hello-1", "hello 1.0 installed, active",
		"$ pkgd refresh ./hello-2", "↺ reverted       1.0 is back with its data and configuration, active",
		"$ pkgd why hello", "active-to-error",
		"$ pkgd health", "format 1: Ada, Grace", " is gone.",
	} {
		_, after, found := strings.Cut(show, scene)
		if !found {
			t.Fatalf("after what came before, the demo does not show %q:\n%s", scene, out)
		}
		show = after
	}
	leavesNothing(t, tmp)
}

func TestLintRunFindsWhatOnlyRunningShows(t *testing.T) {
	pkgd, tmp := programs(t), shortDir(t)
	t.Cleanup(func() { leavesNothing(t, tmp) }) // once the parallel ones have ended
	for _, test := range []struct {
		name, hook string
		want       string // rules that it breaks
	}{
		{"well", "ctl set-health active", ""},
		{"writes", "date +%N >>\"$PKG_DATA/log\"\nctl set-health active", "run-writes-data"},
		{"wavers", "[ -e \"$PKG_COMMON/x\" ] && rm \"$PKG_COMMON/x\" && ctl set-health waiting && exit 0\n" +
			"touch \"$PKG_COMMON/x\"\nctl set-health active", "run-status-changes run-writes-data"},
		{"silent", "true", "run-silent"},
		{"fails", "echo no good >&2; exit 3", "run-fails"},
		{"unwell", "ctl set-health error --code=bad-news 'It is broken'", "run-never-active"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			writePackage(t, dir, test.hook)
			answer, err := lintRun(t, pkgd, tmp, dir)
			bad := slices.ContainsFunc(answer.Findings, func(f finding) bool { return f.Level == "error" })
			if got := strings.Join(answer.ofRuns(), " "); got != test.want || bad != (err != nil) || answer.Run.Runs != 3 {
				t.Errorf("found %q, want %q (%v): %+v", got, test.want, err, answer)
			}
		})
	}
}

type finding struct{ Rule, Level string }

type lintAnswer struct {
	Findings []finding
	Run      *struct{ Runs int }
}

// lintRun runs the hook of the package in dir three times; err is how lint ended.
func lintRun(t *testing.T, pkgd, tmp, dir string) (answer lintAnswer, err error) {
	t.Helper()
	cmd := exec.Command(pkgd, "lint", dir, "--run", "--runs=3", "--format=json")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out, err := cmd.Output()
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		t.Fatalf("%v, %v: %s", err, jsonErr, out)
	}
	return answer, err
}

// ofRuns are the rules that runs broke, but for those of how long they took:
// a busy machine breaks these by itself.
func (a lintAnswer) ofRuns() (rules []string) {
	times := []string{"run-slow", "run-near-timeout", "run-window-short", "run-interval-short"}
	for _, f := range a.Findings {
		if strings.HasPrefix(f.Rule, "run-") && !slices.Contains(times, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

func TestLintRunFindsWhatAHookDoesToServices(t *testing.T) {
	needs.Program(t, "socat", "socat")
	pkgd, tmp := programs(t), shortDir(t)
	t.Cleanup(func() { leavesNothing(t, tmp) })
	const restless = "while :; do date +%N >>$PKG_DATA/log; sleep 0.02; done"
	const asked = "while [ ! -e $PKG_COMMON/asked ]; do sleep 0.02; done; rm $PKG_COMMON/asked"
	const ask = "touch $PKG_COMMON/asked; while [ -e $PKG_COMMON/asked ]; do sleep 0.02; done; ctl set-health active"
	for _, test := range []struct{ want, service, hook string }{
		{"run-data-busy", restless, "sleep 0.2; ctl set-health active"},
		{"run-disturbs-services", asked, `[ $PKG_HEALTH_PHASE != manual ] || touch $PKG_COMMON/asked; sleep 0.2; ctl set-health active`},
		{"run-leaves-processes", "while :; do " + asked + "; sleep 600 & done", ask},
		{
			// The hook hears from the service, which has accepted it then and, other
			// than by itself, stays when the hook has gone.
			"run-leaves-sockets", "exec socat -t 600 UNIX-LISTEN:$PKG_DATA/socket,fork SYSTEM:'echo hi; exec sleep 600'",
			"socat -u UNIX-CONNECT:$PKG_DATA/socket,readbytes=3 - && ctl set-health active",
		},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			writePackage(t, dir, test.hook)
			write(t, dir, "bin/serve", "#!/bin/sh\n"+test.service+"\n")
			write(t, dir, "meta/pkg.yaml", manifest+"services: {serve: {command: bin/serve, restart: no}}\n")
			answer, err := lintRun(t, pkgd, tmp, dir)
			if !slices.Contains(answer.ofRuns(), test.want) {
				t.Errorf("%v: %+v", err, answer)
			}
		})
	}
}

func TestLintRunTellsAHookThatTakesTooLong(t *testing.T) {
	for _, test := range []struct {
		manifest string
		seconds  float64
		want     string
	}{
		{"", 0.5, ""},
		{"", 2, "run-slow"},
		{"health: {settle: 2s}", 0.7, "run-window-short"},
		{"health: {timeout: 2s}", 1.1, "run-near-timeout"},
		{"health: {interval: 6s}", 0.7, "run-interval-short"},
	} {
		if got := strings.Join(cli.JudgeTimes(t, manifest+test.manifest, test.seconds), " "); got != test.want {
			t.Errorf("%q and %v s: %q, want %q", test.manifest, test.seconds, got, test.want)
		}
	}
}

const manifest = "name: tried\nversion: \"1\"\nsummary: Is tried\n"

// writePackage writes a package whose hook is the script.
func writePackage(t *testing.T, dir, hook string) {
	t.Helper()
	write(t, dir, "meta/pkg.yaml", manifest+"health: {settle: 1s}\n")
	write(t, dir, "meta/hooks/check-health", "#!/bin/sh\n"+hook+"\n")
}

// write writes a file that can be executed, and the folders that it is in.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
