package state_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

// disk is a store's fault: what each commit returns instead of being made.
type disk struct{ fault atomic.Pointer[error] }

func (d *disk) fail(err error) { d.fault.Store(&err) }
func (d *disk) heal()          { d.fault.Store(nil) }

func (d *disk) commit(commit func() error) error {
	if err := d.fault.Load(); err != nil {
		return *err
	}
	return commit()
}

func openOn(t *testing.T, d *disk) (s *state.State, path string) {
	t.Helper()
	path = filepath.Join(tempDir(t), "state.db")
	s, err := state.OpenFaulty(path, state.Options{}, d.commit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

// gate lets commits through once it is open.
func gate() (hook func(func() error) error, open func()) {
	let := make(chan struct{})
	return func(commit func() error) error {
		<-let
		return commit()
	}, func() { close(let) }
}

func openBehind(t *testing.T, hook func(func() error) error) *state.State {
	t.Helper()
	s, err := state.OpenFaulty(filepath.Join(tempDir(t), "state.db"), state.Options{}, hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestUnlocksShareCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, open := gate()
		s := openBehind(t, hook)
		var all sync.WaitGroup
		for i := range 11 { // the first goes to the disk, the others wait together
			all.Go(func() { locked(s, func() { s.Set("n", i) }) })
			synctest.Wait()
		}
		if s.Commits() != 0 {
			t.Error("an Unlock did not wait")
		}
		open()
		all.Wait()
		if n := s.Commits(); n != 2 {
			t.Errorf("11 unlocks took %d commits, want 2", n)
		}
		locked(s, func() {
			var n int
			if s.Get("n", &n); n != 10 {
				t.Errorf("the last value is %d", n)
			}
		})
	})
}

func TestNobodyHoldsTheLockWhileTheDiskWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, open := gate()
		s := openBehind(t, hook)
		r := state.NewTaskRunner(s)
		var all sync.WaitGroup
		all.Go(func() { locked(s, func() { s.Set("a", 1); s.Append("j", 1) }) })
		synctest.Wait()
		locked(s, func() { // returns: nothing changed, so there is nothing to wait for
			if !s.Has("a") {
				t.Error("what is being written cannot be read")
			}
		})
		r.Ensure()
		if s.Writable() != nil || len(entries(t, s, "j")) != 1 {
			t.Errorf("writable %v, entries %v", s.Writable(), entries(t, s, "j"))
		}
		open()
		all.Wait()
	})
}

func TestAFullDiskLosesNothingAndHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d disk
		s, path := openOn(t, &d)
		woken := 0
		s.SetEnsure(func(time.Duration) { woken++ })
		locked(s, func() { s.Set("a", 1) })
		d.fail(syscall.ENOSPC)
		start := time.Now()
		locked(s, func() { s.Set("a", 2); s.Set("b", 2); s.Append("j", "x") })
		locked(s, func() { s.Set("b", 3) })
		var serr *state.StoreError
		if err := s.Writable(); !errors.As(err, &serr) || !errors.Is(err, syscall.ENOSPC) || !serr.Since.Equal(start) {
			t.Fatalf("writable: %v", err)
		}
		if want := `cannot write state "` + path + `": no space left on device`; s.Writable().Error() != want {
			t.Errorf("got %q", s.Writable())
		}
		if err := s.Sync(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("sync: %v", err)
		}
		if time.Since(start) != 0 || s.Commits() != 1 {
			t.Errorf("waited %v, %d commits", time.Since(start), s.Commits())
		}
		d.heal()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if s.Writable() != nil || s.Commits() != 2 || woken != 1 {
			t.Errorf("healed: %v, %d commits, %d wake-ups", s.Writable(), s.Commits(), woken)
		}
		s.Close()
		s = openAt(t, path, state.Options{})
		var a, b int
		locked(s, func() { s.Get("a", &a); s.Get("b", &b) })
		if a != 2 || b != 3 || len(entries(t, s, "j")) != 1 {
			t.Errorf("after a restart a=%d b=%d j=%v", a, b, entries(t, s, "j"))
		}
	})
}

func TestRetriesBackOffTo30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var tries []time.Duration
		s, err := state.OpenFaulty(filepath.Join(tempDir(t), "state.db"), state.Options{}, func(func() error) error {
			tries = append(tries, time.Since(start))
			return syscall.EIO
		})
		if err != nil {
			t.Fatal(err)
		}
		locked(s, func() { s.Set("a", 1) })
		time.Sleep(93 * time.Second)
		synctest.Wait()
		s.Close()
		var got []float64
		for _, d := range tries[:9] {
			got = append(got, d.Seconds())
		}
		want := []float64{0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("tries at %v, want %v", got, want)
			}
		}
	})
}

func TestSyncWritesAtOnceWhatCouldNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d disk
		s, _ := openOn(t, &d)
		d.fail(syscall.EIO)
		locked(s, func() { s.Set("a", 1) })
		d.heal()
		start := time.Now()
		if err := s.Sync(t.Context()); err != nil || time.Since(start) != 0 || s.Writable() != nil {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := s.Sync(t.Context()); err != nil || s.Commits() != 1 {
			t.Errorf("nothing to write: %v, %d commits", err, s.Commits())
		}
	})
}

func TestSyncEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, open := gate()
		s := openBehind(t, hook)
		go locked(s, func() { s.Set("a", 1) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		open()
	})
}

func TestWithAFullDiskNothingBeginsAndWhatRunsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d disk
		s, path := openOn(t, &d)
		r := state.NewTaskRunner(s)
		let, begun := make(chan struct{}), make(chan string, 10)
		r.AddHandler("slow", func(context.Context, *state.Task) error {
			begun <- "slow"
			<-let
			return nil
		}, nil)
		r.AddHandler("next", func(_ context.Context, task *state.Task) error {
			begun <- task.Summary()
			return nil
		}, nil)
		var c *state.Change
		var slow, other *state.Task
		locked(s, func() {
			c = s.NewChange("k", "s")
			slow, other = s.NewTask("slow", "slow"), s.NewTask("next", "other")
			after := s.NewTask("next", "after")
			after.WaitFor(slow)
			other.At(time.Now().Add(time.Second))
			c.AddAll(state.NewTaskSet(slow, other, after))
		})
		startLoop(t, s, r)
		<-begun
		d.fail(syscall.ENOSPC)
		time.Sleep(2 * time.Second) // the time of the other comes: its intent finds the disk full
		synctest.Wait()
		close(let)
		synctest.Wait()
		if len(begun) != 0 {
			t.Fatalf("%s began without its intent on disk", <-begun)
		}
		locked(s, func() {
			if slow.Status() != state.DoneStatus || other.Status() != state.DoingStatus {
				t.Errorf("slow is %v, other is %v", slow.Status(), other.Status())
			}
		})
		if got, _ := s.DurableStatus(slow.ID()); got != state.DoingStatus {
			t.Errorf("on disk: %v", got)
		}
		d.heal()
		<-c.Ready() // by itself
		r.Stop()
		s.Close()
		s = openAt(t, path, state.Options{})
		locked(s, func() {
			if got := s.Change(c.ID()).Status(); got != state.DoneStatus {
				t.Errorf("after a restart: %v", got)
			}
		})
	})
}

func TestCloseWritesWhatAFullDiskRefused(t *testing.T) {
	var d disk
	s, path := openOn(t, &d)
	d.fail(syscall.ENOSPC)
	locked(s, func() { s.Set("a", 1) })
	d.heal()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, state.Options{})
	locked(s, func() {
		if !s.Has("a") {
			t.Error("it is lost")
		}
	})
}
