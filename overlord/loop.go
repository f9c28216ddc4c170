package overlord

import (
	"sync/atomic"
	"time"

	"gopkg.in/tomb.v2"
)

// manager is what the loop drives.
type manager interface {
	Ensure() error
}

// idleTurn is how long the loop rests when nobody asks for it earlier. Whatever
// is due sooner has said so through EnsureBefore.
const idleTurn = time.Hour

// loop calls Ensure on every manager whenever it is asked to.
type loop struct {
	tomb     tomb.Tomb
	wake     chan struct{}
	deadline atomic.Int64 // of the next turn, ns since start
	started  time.Time
	turning  atomic.Int64 // when the turn under way began, ns since start; 0: none is
	turn     func()
	running  bool // start was called; start and stop are the owner's alone
}

func newLoop(turn func()) *loop {
	l := &loop{wake: make(chan struct{}, 1), started: time.Now(), turn: turn}
	l.deadline.Store(int64(idleTurn))
	return l
}

// ensureBefore sees to it that the next turn begins within d.
func (l *loop) ensureBefore(d time.Duration) {
	at := int64(time.Since(l.started) + max(0, d))
	for {
		old := l.deadline.Load()
		if old <= at {
			return
		}
		if l.deadline.CompareAndSwap(old, at) {
			break
		}
	}
	select {
	case l.wake <- struct{}{}:
	default: // a wake-up is under way and will see the deadline
	}
}

func (l *loop) start() {
	l.running = true
	l.tomb.Go(l.run)
}

// stop ends the loop and waits for its last turn. A tomb in which nothing was
// ever started would be waited for in vain.
func (l *loop) stop() {
	if !l.running {
		return
	}
	l.tomb.Kill(nil)
	_ = l.tomb.Wait() // run never fails
}

// run turns the loop until the tomb dies. The deadline is reset before the turn,
// so that what managers ask for during it is not lost.
func (l *loop) run() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.tomb.Dying():
			return nil
		case <-l.wake:
		case <-timer.C:
		}
		now := int64(time.Since(l.started))
		if l.deadline.Load() <= now {
			l.deadline.Store(now + int64(idleTurn))
			l.turning.Store(max(1, now))
			l.turn()
			l.turning.Store(0)
		}
		timer.Reset(l.rest())
	}
}

// rest is how long to sleep until the deadline.
func (l *loop) rest() time.Duration {
	return max(0, time.Duration(l.deadline.Load())-time.Since(l.started))
}

// alive is the last moment at which the loop was known to turn as it should:
// now, unless a turn is under way or overdue. A loop that rests because nothing
// is due is alive; it is not woken to prove it.
func (l *loop) alive() time.Time {
	now := time.Since(l.started)
	since := time.Duration(l.deadline.Load())
	if t := l.turning.Load(); t != 0 {
		since = time.Duration(t)
	}
	return l.started.Add(min(now, since))
}
