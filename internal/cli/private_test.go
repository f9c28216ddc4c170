package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
		{"slow", "sleep 1.2; ctl set-health active", "run-slow run-window-short"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			writePackage(t, dir, test.hook)
			cmd := exec.Command(pkgd, "lint", dir, "--run", "--runs=3", "--format=json")
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
			out, err := cmd.Output()
			var answer struct {
				Findings []struct{ Rule, Level string }
				Run      *struct{ Runs int }
			}
			if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
				t.Fatalf("%v, %v: %s", err, jsonErr, out)
			}
			var rules []string
			bad := false
			for _, f := range answer.Findings {
				if strings.HasPrefix(f.Rule, "run-") {
					rules = append(rules, f.Rule)
				}
				bad = bad || f.Level == "error"
			}
			if got := strings.Join(rules, " "); got != test.want || bad != (err != nil) || answer.Run.Runs != 3 {
				t.Errorf("found %q, want %q (%v): %s", got, test.want, err, out)
			}
		})
	}
}

// writePackage writes a package whose hook is the script.
func writePackage(t *testing.T, dir, hook string) {
	t.Helper()
	for name, text := range map[string]string{
		"meta/pkg.yaml":           "name: tried\nversion: \"1\"\nsummary: Is tried\nhealth: {settle: 2s}\n",
		"meta/hooks/check-health": "#!/bin/sh\n" + hook + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
