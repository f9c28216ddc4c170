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

// sideBySide takes turns between f and bare, as this machine may be busy with
// other things, and reports what one of each costs this process.
func sideBySide(b *testing.B, f, bare func() error) {
	var cost [2]time.Duration
	for i := range b.N + 5 { // in the first, what is made once is made
		for j, step := range []func() error{f, bare} {
			before := ownCPU()
			if err := step(); err != nil {
				b.Fatal(err)
			}
			if i >= 5 {
				cost[j] += ownCPU() - before
			}
		}
	}
	b.ReportMetric(float64(cost[0].Microseconds())/float64(b.N), "run-µs")
	b.ReportMetric(float64(cost[1].Microseconds())/float64(b.N), "bare-µs")
	b.ReportMetric(float64(cost[0])/float64(cost[1]), "ratio")
	b.ReportMetric(0, "ns/op")
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

func BenchmarkRunBesideBareExec(b *testing.B) {
	r, p := benchPackage(b)
	sideBySide(b, runAtRest(r, p), bareExec(b, r, p))
}

func BenchmarkRunWithoutCgroupBesideBareExec(b *testing.B) {
	r, p := benchPackage(b)
	r.WithoutCgroups()
	sideBySide(b, runAtRest(r, p), bareExec(b, r, p))
}

func runAtRest(r *hookrunner.Runner, p hookrunner.Package) func() error {
	run := hookrunner.Run{Package: p, Hook: "check-health", Phase: hookrunner.PhaseRest, Gentle: true}
	return func() error {
		res, err := r.Run(context.Background(), run)
		if err != nil {
			return err
		}
		return res.Err()
	}
}

func bareExec(b *testing.B, r *hookrunner.Runner, p hookrunner.Package) func() error {
	ruleset, err := r.Sandbox(p).Ruleset()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(ruleset.Close)
	env := r.Environment(p, "cookie", "check-health", hookrunner.PhaseRest)
	return func() error {
		done := make(chan error)
		go func() { done <- bareConfined(ruleset, p, env) }()
		return <-done
	}
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
