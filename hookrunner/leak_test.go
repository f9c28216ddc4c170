package hookrunner_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/osutil"
)

// belongings is what this process holds.
type belongings struct{ files, threads, goroutines, children int }

func count(t *testing.T) (b belongings) {
	t.Helper()
	entries := func(dir string) int {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	b.files, b.threads, b.goroutines = entries("/proc/self/fd"), entries("/proc/self/task"), runtime.NumGoroutine()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // a thread may end meanwhile
		b.children += len(bytes.Fields(text))
	}
	return b
}

// slack is what the runtime may add by itself: a thread here and there.
const slack = 10

func TestTwoHundredRunsLeaveNothingBehind(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		p := h.pkg("web", `sleep 600 & (setsid sleep 600 &); (exit 3) & (setsid sh -c 'exit 4' &); echo out; echo err >&2`)
		missing := h.pkg("none", "")
		h.write(missing.Root+"/meta/hooks/check-health", 0o644, "")
		killed := h.pkg("killed", "sleep 600")
		round := func(n int) {
			for i := range n {
				h.run(context.Background(), hookrunner.Run{Package: p, Gentle: i%2 == 0})
				h.run(context.Background(), hookrunner.Run{Package: missing})
				h.run(context.Background(), hookrunner.Run{Package: missing, Hook: "remove"})
			}
			h.run(context.Background(), hookrunner.Run{Package: killed, Timeout: time.Millisecond})
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			h.run(ctx, hookrunner.Run{Package: killed})
		}
		round(10)
		before := count(t)
		round(100)
		after := count(t)
		if after.files > before.files || after.children > before.children || h.r.Contexts().Len() > 0 {
			t.Errorf("before %+v, after %+v, cookies %d", before, after, h.r.Contexts().Len())
		}
		if after.threads > before.threads+slack || after.goroutines > before.goroutines+slack {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if left := osutil.FindByEnv("PKGD_CTL_SOCKET=" + h.dirs.CtlSocket()); len(left) > 0 {
			t.Errorf("processes live on: %+v", left)
		}
	})
}

func TestRunsSideBySideLeaveNothingBehind(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		before := count(t)
		done := make(chan error)
		const packages = 8
		for i := range packages {
			p := h.pkg(fmt.Sprintf("pkg%d", i), `(setsid sleep 600 &); (env -i setsid sleep 600 &); echo $PKG_NAME`)
			go func() {
				for range 10 {
					res, err := h.r.Run(context.Background(), hookrunner.Run{Package: p, Hook: "check-health"})
					if err == nil && string(res.Stdout) != p.Name+"\n" {
						err = fmt.Errorf("%s: %+v", p.Name, res)
					}
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range packages {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if after := count(t); after.children > before.children {
			t.Errorf("before %+v, after %+v", before, after)
		}
	})
}

// What confines a run belongs to a thread, and must die with it.
func TestDaemonIsNotConfinedByItsRuns(t *testing.T) {
	h := newHouse(t)
	for range 20 {
		h.script("true")
	}
	// The last run's thread may be about to end: it has a moment.
	for deadline := time.Now().Add(time.Minute); len(confined(t)) > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("threads of the daemon are confined: %v", confined(t))
		}
	}
	h.write(h.dirs.State(), 0o600, "x\n")
}

func confined(t *testing.T) (threads []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		status, _ := os.ReadFile(path) // a thread may end meanwhile
		if bytes.Contains(status, []byte("NoNewPrivs:\t1")) {
			threads = append(threads, path)
		}
	}
	return threads
}
