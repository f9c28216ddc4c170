package healthstate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slotTime is how long a run keeps its slot: a run that hangs stops nobody.
const slotTime = time.Second

// slots bound how many runs are young at once.
type slots struct {
	tokens chan struct{}
	wanted atomic.Bool // one was asked for in vain
	freed  func()      // called when one that was wanted is given back; nil: nobody listens
}

func newSlots(n int, freed func()) *slots {
	return &slots{tokens: make(chan struct{}, n), freed: freed}
}

// try takes a slot if there is one. After a refusal freed is called in time: one
// given back before it was wanted is found by looking once more.
func (s *slots) try() (release func(), ok bool) {
	if release, ok = s.tryOnce(); ok {
		return release, true
	}
	s.wanted.Store(true)
	return s.tryOnce()
}

func (s *slots) tryOnce() (release func(), ok bool) {
	select {
	case s.tokens <- struct{}{}:
		return s.held(), true
	default:
		return nil, false
	}
}

// take waits for a slot.
func (s *slots) take(ctx context.Context) (release func(), err error) {
	select {
	case s.tokens <- struct{}{}:
		return s.held(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// held gives the slot back when release is called, or by itself after slotTime.
func (s *slots) held() (release func()) {
	var once sync.Once
	giveBack := func() {
		once.Do(func() {
			<-s.tokens
			if s.wanted.Swap(false) && s.freed != nil {
				s.freed()
			}
		})
	}
	timer := time.AfterFunc(slotTime, giveBack)
	return func() {
		timer.Stop()
		giveBack()
	}
}
