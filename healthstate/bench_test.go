package healthstate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/overlord/state"
)

// instant is a hook that costs nothing, so that what remains is the manager's
// own share of a run.
type instant struct{ hctx *hookrunner.Context }

func (r instant) Run(context.Context, hookrunner.Run) (hookrunner.Result, error) {
	return hookrunner.Result{Context: r.hctx}, nil
}

func benchHouse(b *testing.B, packages int) *healthstate.Manager {
	b.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	st, err := state.Open(filepath.Join(dir, "state.db"), state.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	hctx, _, err := hookrunner.NewContexts().Open(hookrunner.Spec{Package: "p", Revision: 1, Ephemeral: true})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := healthstate.SetHealth(hctx, "active", "", "", nil); err != nil {
		b.Fatal(err)
	}
	m := healthstate.NewManagerOn(st, instant{hctx}, nil, healthstate.Options{})
	b.Cleanup(m.Stop)
	for i := range packages {
		m.Track(target(fmt.Sprintf("p%04d", i), 1))
	}
	if _, err := m.Check(b.Context(), nil, hookrunner.PhaseManual); err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkRun is what a run costs besides its hook, with many packages.
func BenchmarkRun(b *testing.B) {
	m := benchHouse(b, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := m.RunOnce(b.Context(), target(fmt.Sprintf("p%04d", i%1000), 1), hookrunner.PhaseRest); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot is what the first reader after a change pays, and the ones
// after it.
func BenchmarkSnapshot(b *testing.B) {
	m := benchHouse(b, 1000)
	b.Run("changed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.RunOnce(b.Context(), target("p0001", 1), hookrunner.PhaseRest); err != nil {
				b.Fatal(err)
			}
			m.Snapshot()
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Snapshot()
		}
	})
}

// BenchmarkMemory is what a tracked package with a record costs.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := benchHouse(b, 1000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		runtime.KeepAlive(m)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1000, "B/package")
}
