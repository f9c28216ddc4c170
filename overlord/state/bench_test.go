package state_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

// fillOld makes n finished tasks, ten a change, each with what a task carries.
func fillOld(s *state.State, n int) {
	s.Lock()
	defer s.Unlock()
	for range n / 10 {
		c := s.NewChange("refresh-package", "Refresh package web")
		for i := range 10 {
			task := s.NewTask("link-package", fmt.Sprintf("Switch package web to revision %d", i))
			task.Set("package", map[string]any{"name": "web", "revision": i, "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"})
			task.Logf("revision %d is current", i)
			c.AddTask(task)
			task.SetStatus(state.DoneStatus)
		}
	}
}

// benchState is a file with n old tasks, opened as after a start.
func benchState(b *testing.B, old int) *state.State {
	path := filepath.Join(tempDir(b), "state.db")
	s := openAt(b, path, state.Options{})
	fillOld(s, old)
	s.Close()
	return openAt(b, path, state.Options{})
}

// checkpoints gives what changes one task and unlocks.
func checkpoints(b *testing.B, old int) (s *state.State, one func(n int)) {
	s = benchState(b, old)
	var task *state.Task
	locked(s, func() {
		task = s.NewTask("k", "s")
		s.NewChange("k", "s").AddTask(task)
	})
	return s, func(n int) {
		s.Lock()
		task.Set("n", n)
		s.Unlock()
	}
}

// BenchmarkCheckpoint is one changed task, beside many old ones.
func BenchmarkCheckpoint(b *testing.B) {
	for _, old := range []int{100, 10000} {
		b.Run(fmt.Sprintf("old=%d", old), func(b *testing.B) {
			s, one := checkpoints(b, old)
			before := s.Commits()
			b.ResetTimer()
			for i := range b.N {
				one(i)
			}
			b.ReportMetric(float64(s.Commits()-before)/float64(b.N), "commits/op")
		})
	}
}

// BenchmarkCheckpointRatio takes turns between the two, because a disk has its
// moods: ratio is the median with 10,000 old tasks over that with 100, and is
// to stay at or below 1.2.
func BenchmarkCheckpointRatio(b *testing.B) {
	_, few := checkpoints(b, 100)
	_, many := checkpoints(b, 10000)
	const warmUp, least = 100, 300 // the disk is still busy with the filling
	var took [2][]time.Duration
	b.ResetTimer()
	for i := range warmUp + max(b.N, least) {
		for j, one := range []func(int){few, many} {
			start := time.Now()
			one(i)
			if i >= warmUp {
				took[j] = append(took[j], time.Since(start))
			}
		}
	}
	b.ReportMetric(float64(median(took[1]))/float64(median(took[0])), "ratio")
	b.ReportMetric(float64(median(took[0])), "old=100-ns")
	b.ReportMetric(float64(median(took[1])), "old=10000-ns")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkTaskDoToDone is one task whose handler writes once. commits/task is
// to stay at or below 3.
func BenchmarkTaskDoToDone(b *testing.B) {
	for _, old := range []int{100, 10000} {
		b.Run(fmt.Sprintf("old=%d", old), func(b *testing.B) {
			g := rig{s: benchState(b, old)}
			g.r = state.NewTaskRunner(g.s)
			g.handle("k", func(task *state.Task) error {
				locked(g.s, func() { task.Set("result", "ok") })
				return nil
			}, nil)
			before := g.s.Commits()
			b.ResetTimer()
			for range b.N {
				c, _ := g.chain("k")
				before++ // making the change is not the task's
				g.r.Ensure()
				<-c.Ready()
			}
			g.r.Wait()
			b.ReportMetric(float64(g.s.Commits()-before)/float64(b.N), "commits/task")
		})
	}
}

// BenchmarkOpen is a start with many old tasks.
func BenchmarkOpen(b *testing.B) {
	for _, old := range []int{100, 10000} {
		b.Run(fmt.Sprintf("old=%d", old), func(b *testing.B) {
			path := filepath.Join(tempDir(b), "state.db")
			s := openAt(b, path, state.Options{})
			fillOld(s, old)
			s.Close()
			for b.Loop() {
				s, err := state.Open(path, state.Options{})
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}

// BenchmarkEnsure is a look at a state where nothing is to be done.
func BenchmarkEnsure(b *testing.B) {
	for _, old := range []int{100, 10000} {
		b.Run(fmt.Sprintf("old=%d", old), func(b *testing.B) {
			s := benchState(b, old)
			r := state.NewTaskRunner(s)
			r.Ensure() // the first notes that there is nothing to clean up
			for b.Loop() {
				r.Ensure()
			}
		})
	}
}
