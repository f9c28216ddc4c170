package state_test

import (
	"testing"
	"time"

	"pkgd.io/pkgd/overlord/state"
)

// startLoop stands for the overlord: it calls Ensure whenever it was asked to.
func startLoop(t testing.TB, s *state.State, r *state.TaskRunner) {
	asked, quit, done := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	ask := func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	}
	s.SetEnsure(func(d time.Duration) {
		if d <= 0 {
			ask()
			return
		}
		time.AfterFunc(d, ask)
	})
	go func() {
		defer close(done)
		for {
			select {
			case <-asked:
				r.Ensure()
			case <-quit:
				return
			}
		}
	}()
	ask()
	t.Cleanup(func() {
		close(quit)
		<-done
		r.Stop()
	})
}
