package monitoring_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// counting is a hook that counts its runs.
const counting = "#!/bin/sh\necho run >>$PKG_COMMON/runs\nctl set-health active\n"

func (h *host) runsOf(name string) int {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, "var/lib/pkgd/data", name, "common/runs"))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

// kept is what the daemon has made of the disk: the state's commits, its file and
// all files' names.
func (h *host) kept() string {
	h.t.Helper()
	commits := regexp.MustCompile(`"commits": \d+`).FindString(h.must(0, "debug", "state", "--format=json"))
	if commits == "" {
		h.t.Fatal("pkgd debug state tells no commits")
	}
	info, err := os.Stat(filepath.Join(h.root, "var/lib/pkgd/state.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	_, files := h.sh(`find "$PKGD_ROOT" | sort`)
	return fmt.Sprintln(commits, info.Size(), info.ModTime(), h.log, files)
}

func TestAThousandPollsStartNoHookAndWriteNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t, probesConfig)
	h.must(0, "install", h.tree("web", "1.0", counting))
	h.answers("/readyz", 200)
	h.must(0, "health")
	runs, before := h.runsOf("web"), h.kept()
	polls := http.Client{Timeout: limit}
	for _, path := range append(all, "/readyz?verbose", "/health?warn=503", "/nowhere") {
		for range 1000 {
			resp, err := polls.Get("http://" + h.http + path)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	if now := h.runsOf("web"); now != runs {
		t.Errorf("the hook ran %d times", now-runs)
	}
	if now := h.kept(); now != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, now)
	}
}
