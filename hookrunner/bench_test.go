package hookrunner_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// The daemon's own share of the processor in a run at rest, side by side with
// the least that a run can cost: os/exec with a pipe, on a confined thread.
//
//	go test -run - -bench . -count 10 ./hookrunner

func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measured(b *testing.B, f func() error) {
	for range 5 { // what is made once is made now
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	before := ownCPU()
	b.ResetTimer()
	for range b.N {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((ownCPU()-before).Microseconds())/float64(b.N), "own-cpu-µs/op")
}

func benchPackage(b *testing.B) (*hookrunner.Runner, hookrunner.Package) {
	root := b.TempDir()
	d, err := dirs.New(root)
	if err != nil {
		b.Fatal(err)
	}
	r, err := hookrunner.New(hookrunner.Options{Dirs: d, CtlPath: "/bin/true", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.Close)
	p := hookrunner.Package{
		Name: "web", Revision: 1, Version: "1",
		Root: d.Revision("web", 1), Data: d.DataRevision("web", 1), Common: d.DataCommon("web"),
	}
	hooks := filepath.Join(p.Root, "meta/hooks")
	for _, dir := range []string{hooks, p.Data, p.Common} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(hooks+"/check-health", []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		b.Fatal(err)
	}
	return r, p
}

func BenchmarkRun(b *testing.B) {
	r, p := benchPackage(b)
	run := hookrunner.Run{Package: p, Hook: "check-health", Phase: hookrunner.PhaseRest, Gentle: true}
	measured(b, func() error {
		res, err := r.Run(context.Background(), run)
		if err != nil {
			return err
		}
		return res.Err()
	})
}

func BenchmarkRunWithoutCgroup(b *testing.B) {
	r, p := benchPackage(b)
	r.WithoutCgroups()
	run := hookrunner.Run{Package: p, Hook: "check-health", Phase: hookrunner.PhaseRest, Gentle: true}
	measured(b, func() error {
		res, err := r.Run(context.Background(), run)
		if err != nil {
			return err
		}
		return res.Err()
	})
}

func BenchmarkBareExec(b *testing.B) {
	r, p := benchPackage(b)
	ruleset, err := r.Sandbox(p).Ruleset()
	if err != nil {
		b.Fatal(err)
	}
	defer ruleset.Close()
	env := r.Environment(p, "cookie", "check-health", hookrunner.PhaseRest)
	measured(b, func() error {
		done := make(chan error)
		go func() { done <- bareConfined(ruleset, p, env) }()
		return <-done
	})
}

func bareConfined(ruleset *osutil.Ruleset, p hookrunner.Package, env []string) error {
	runtime.LockOSThread() // and never unlocked: the thread ends here
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if ruleset != nil {
		if err := ruleset.RestrictThread(); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	cmd := exec.Command(p.Root + "/meta/hooks/check-health")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.Root, env, &out, &out
	return cmd.Run()
}
