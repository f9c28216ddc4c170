package overlord_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/overlord"
)

func TestTheLoopTurnsWhenItIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns []time.Duration
		begin := time.Now()
		l := overlord.NewLoop(func() { turns = append(turns, time.Since(begin)) })
		l.EnsureBefore(0)
		l.Start()
		defer l.Stop()
		synctest.Wait()
		l.EnsureBefore(time.Minute)
		l.EnsureBefore(2 * time.Minute) // later than what is planned: no turn of its own
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, time.Minute}
		if len(turns) != 2 || turns[0] != want[0] || turns[1] != want[1] {
			t.Errorf("turns at %v, want %v", turns, want)
		}
	})
}

func TestAnIdleLoopRestsForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		l := overlord.NewLoop(func() { turns++ })
		l.EnsureBefore(0)
		l.Start()
		defer l.Stop()
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		if turns != 4 {
			t.Errorf("%d turns in three hours, want one at the start and one an hour", turns)
		}
	})
}

func TestAskingDuringATurnIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		var l *overlord.Loop
		l = overlord.NewLoop(func() {
			if turns++; turns == 1 {
				l.EnsureBefore(0)
			}
		})
		l.EnsureBefore(0)
		l.Start()
		defer l.Stop()
		synctest.Wait()
		if turns != 2 {
			t.Errorf("%d turns, want 2", turns)
		}
	})
}

func TestALoopThatRestsIsAliveAndOneThatHangsIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := false
		l := overlord.NewLoop(func() {
			if hang {
				<-release
			}
		})
		l.EnsureBefore(0)
		l.Start()
		defer l.Stop()
		defer close(release)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if age := time.Since(l.Alive()); age != 0 {
			t.Errorf("a resting loop is last known alive %v ago", age)
		}
		hang = true
		l.EnsureBefore(0)
		time.Sleep(20 * time.Second)
		if age := time.Since(l.Alive()); age != 20*time.Second {
			t.Errorf("a loop that hangs for 20 s is last known alive %v ago", age)
		}
	})
}
