package hostile

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/daemontest"
)

// clears is what clears a terminal, sets its title and overwrites a line.
const clears = `printf '\033[2J\033]0;owned\007\rall is well\302\233 \n'`

// TestWhatAPackagePrintsSteersNoTerminal shows an admin everything that a package
// has printed.
func TestWhatAPackagePrintsSteersNoTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Start()
	tree := func(version, end string) string {
		return w.Tree("name: web\nversion: '"+version+"'\nsummary: Prints\nservices: {serve: {command: bin/serve}}\n", map[string]string{
			"bin/serve":               "#!/bin/sh\n" + clears + "\nexec sleep 1000\n",
			"meta/hooks/check-health": "#!/bin/sh\n" + clears + "\n" + clears + " >&2\n" + end + "\n",
			"meta/hooks/pre-refresh":  "#!/bin/sh\n" + clears + " >&2\nexit 0\n",
			"meta/hooks/post-refresh": "#!/bin/sh\n" + clears + " >&2\nexit $(cat $PKG_COMMON/exit)\n",
		})
	}
	w.Do("install", tree("1.0", "ctl set-health active"))
	w.Write(filepath.Join(w.Dirs.DataCommon("web"), "exit"), "0", 0o644)
	w.Try("refresh", tree("2.0", "exit 1"))
	w.pkgdIsClean(t, "why", "web")
	w.Write(filepath.Join(w.Dirs.DataCommon("web"), "exit"), "1", 0o644)
	w.Try("refresh", tree("3.0", "exit 0"))
	w.pkgdIsClean(t, "why", "web")
	chgs, err := w.Client.Changes(w.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, chg := range chgs {
		w.pkgdIsClean(t, "tasks", chg.ID)
		w.pkgdIsClean(t, "watch", chg.ID)
	}
	daemontest.Eventually(t, "output of the service", func() bool {
		n := 0
		_ = w.Client.Logs(w.Context(), []string{"web"}, 10, false, func(api.LogLine) error { n++; return nil })
		return n > 0
	})
	for _, words := range []string{"logs web", "check web --verbose", "health", "health web", "health web --history", "warnings", "info web", "changes", "services"} {
		w.pkgdIsClean(t, strings.Fields(words)...)
	}
}

// pkgdIsClean runs a command of the admin's, whatever it exits with.
func (w *world) pkgdIsClean(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "pkgd"), append([]string{"--root", w.Dirs.Root, "--no-color"}, args...)...)
	out, _ := cmd.CombinedOutput() // may exit with the level, or with the change's end
	if len(out) == 0 || strings.ContainsAny(string(out), "\x1b\x07\r\u009b") {
		t.Errorf("%v: %q", args, out)
	}
}
