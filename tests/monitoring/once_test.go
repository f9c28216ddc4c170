package monitoring_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// slow is a hook that counts its runs and does not end before it is let go.
const slow = `#!/bin/sh
echo run >>$PKG_COMMON/runs
if [ -e $PKG_COMMON/gate ]; then read word <$PKG_COMMON/gate; fi
ctl set-health active
`

// asleep tells whether all threads of the processes wait for something: nobody
// has anything left to do before somebody else does.
func asleep(t *testing.T, pids ...int) bool {
	t.Helper()
	for _, pid := range pids {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(tasks) == 0 {
			t.Fatalf("process %d is gone (%v)", pid, err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				return false // a thread has just ended
			}
			if after := text[strings.LastIndex(string(text), ")")+2:]; after[0] != 'S' {
				return false
			}
		}
	}
	return true
}

// connected is how many there are at pkgd's sockets, of whose names the kernel
// knows the one that each had while it was made.
func (h *host) connected() int {
	h.t.Helper()
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		h.t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 8 && f[5] == "03" && strings.HasPrefix(f[7], filepath.Join(h.root, "run/pkgd")+"/") {
			n++
		}
	}
	return n
}

func TestTenWhoAskAtTheSameTimeHaveTheHookRunOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, "")
	tree := h.tree("web", "1.0", slow)
	write(t, filepath.Join(tree, "meta/pkg.yaml"), "name: web\nversion: \"1.0\"\nsummary: A package\nhealth: {timeout: 5m}\n", 0o644)
	h.must(0, "install", tree)
	common := filepath.Join(h.root, "var/lib/pkgd/data/web/common")
	if out, err := exec.Command("mkfifo", "-m", "666", filepath.Join(common, "gate")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := h.runsOf("web")
	pids := []int{h.daemon.Process.Pid}
	var asking []*exec.Cmd
	for range 10 {
		cmd := h.runs(filepath.Join(bin, "pkgd"), "check", "web", "--format=json")
		asking, pids = append(asking, cmd), append(pids, cmd.Process.Pid)
	}
	still := 0
	eventually(t, "all ten wait", func() bool {
		if h.connected() == 10 && h.runsOf("web") > before && asleep(t, pids...) {
			still++
		} else {
			still = 0
		}
		return still == 5
	})
	gate, err := os.OpenFile(filepath.Join(common, "gate"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	if _, err := gate.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range asking {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stdout)
		}
	}
	if got := h.runsOf("web") - before; got != 1 {
		t.Errorf("the hook ran %d times", got)
	}
}
