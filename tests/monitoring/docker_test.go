package monitoring_test

import (
	"os/exec"
	"regexp"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

var healthcheck = regexp.MustCompile(`(?m)^HEALTHCHECK (?:--[a-z-]+=\w+ )+CMD (.*)$`)

// checks is what Docker would make of a container: it runs the shell form of CMD
// by sh -c, and 0 is healthy.
func checks(t *testing.T, p *page, dockerfile string) func(h *host) int {
	t.Helper()
	m := healthcheck.FindStringSubmatch(p.file(dockerfile))
	if m == nil {
		t.Fatalf("%s has no HEALTHCHECK", dockerfile)
	}
	return func(h *host) int {
		cmd := exec.Command("/bin/sh", "-c", h.here(m[1]))
		cmd.Dir, cmd.Env = h.dir, h.env
		code, _ := exitOf(h.t, cmd)
		return code
	}
}

func TestDockerTellsHealthyFromUnhealthy(t *testing.T) {
	t.Parallel()
	needs.Program(t, "curl", "curl")
	p := readPage(t, "docker")
	health, alive := checks(t, p, "Dockerfile"), checks(t, p, "Dockerfile.alive")
	h := newHost(t, p.file("/etc/pkgd/pkgd.yaml"))
	want := func(when string, wantHealth, wantAlive int) {
		t.Helper()
		if got := health(h); got != wantHealth {
			t.Errorf("%s: the packages' check exits with %d, not %d", when, got, wantHealth)
		}
		if got := alive(h); got != wantAlive {
			t.Errorf("%s: pkgd's check exits with %d, not %d", when, got, wantAlive)
		}
	}
	eventually(t, "pkgd answers", func() bool { return alive(h) == 0 })
	want("no packages", 1, 0)
	h.has("web")
	p.shows(h, `pkgd health || test $? -eq 1; echo $?`)
	want("well", 0, 0)
	h.says("web", waiting)
	want("waiting", 0, 0)
	h.says("web", broken)
	want("broken", 1, 0)
	h.says("web", well)
	want("well again", 0, 0)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	want("pkgd is gone", 1, 1)
}
