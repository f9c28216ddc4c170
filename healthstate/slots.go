package healthstate

import (
	"context"
	"sync"
	"time"
)

// slotTime is how long a run keeps its slot: a run that hangs stops nobody.
const slotTime = time.Second

// slots bound how many runs are young at once.
type slots struct {
	tokens chan struct{}
	freed  func() // called after a slot was given back; nil: nobody listens
}

func newSlots(n int, freed func()) *slots {
	return &slots{tokens: make(chan struct{}, n), freed: freed}
}

// try takes a slot if there is one.
func (s *slots) try() (release func(), ok bool) {
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
			if s.freed != nil {
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
