package hookrunner_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// house is a root with a runner, and packages in it.
type house struct {
	*testing.T
	dirs dirs.Dirs
	r    *hookrunner.Runner
	log  *syncBuffer
	ctl  string
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil { // hooks of other users live in it
		t.Fatal(err)
	}
	return houseAt(t, root)
}

func houseAt(t *testing.T, root string) *house {
	t.Helper()
	d, err := dirs.New(filepath.Join(root, "r"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{T: t, dirs: d, log: &syncBuffer{}, ctl: filepath.Join(root, "prog/ctl")}
	h.write(h.ctl, 0o755, "#!/bin/sh\necho ctl was called as ${0##*/} with $*\n")
	h.r, err = hookrunner.New(hookrunner.Options{
		Dirs: d, CtlPath: h.ctl,
		Log: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.r.Close)
	return h
}

func (h *house) write(path string, mode os.FileMode, text string) {
	h.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		h.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		h.Fatal(err)
	}
}

// pkg makes revision 7 of a package whose check-health is script.
func (h *house) pkg(name, script string) hookrunner.Package {
	h.Helper()
	p := hookrunner.Package{
		Name: name, Revision: 7, Version: "1.2",
		Root: h.dirs.Revision(name, 7), Data: h.dirs.DataRevision(name, 7), Common: h.dirs.DataCommon(name),
	}
	for _, dir := range []string{p.Root, p.Data, p.Common} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			h.Fatal(err)
		}
	}
	h.write(filepath.Join(p.Root, "meta/hooks/check-health"), 0o755, "#!/bin/sh\n"+script+"\n")
	return p
}

func (h *house) run(ctx context.Context, run hookrunner.Run) hookrunner.Result {
	h.Helper()
	if run.Hook == "" {
		run.Hook = "check-health"
	}
	res, err := h.r.Run(ctx, run)
	if err != nil {
		h.Fatalf("the run could not be made: %v", err)
	}
	return res
}

// script runs a hook of a new package to its end.
func (h *house) script(script string) hookrunner.Result {
	h.Helper()
	return h.run(context.Background(), hookrunner.Run{Package: h.pkg("web", script)})
}

// read gives a file that a hook has written.
func (h *house) read(path string) string {
	h.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		h.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// pid reads a process id that a hook has written.
func (h *house) pid(path string) int {
	h.Helper()
	pid, err := strconv.Atoi(h.read(path))
	if err != nil {
		h.Fatal(err)
	}
	return pid
}

// isGone fails the test when there is a process pid, dead or alive.
func (h *house) isGone(pid int) {
	h.Helper()
	if p, err := osutil.ReadProc(pid); err == nil {
		h.Errorf("process %d is still there: %+v", pid, p)
	}
}

// appears waits until a hook that is under way has written path.
func (h *house) appears(path string) {
	h.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if st, err := os.Stat(path); err == nil && st.Size() > 0 {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("%s did not appear", path)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// both runs a test with cgroups and without.
func both(t *testing.T, f func(t *testing.T, h *house)) {
	t.Run("with cgroups", func(t *testing.T) {
		h := newHouse(t)
		if !h.r.UsesCgroups() {
			t.Skip("this host lets no cgroup v2 be made: " + h.r.Confinement())
		}
		f(t, h)
	})
	t.Run("without cgroups", func(t *testing.T) {
		h := newHouse(t)
		h.r.WithoutCgroups()
		f(t, h)
	})
}
