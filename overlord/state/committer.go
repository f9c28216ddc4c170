package state

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Between two attempts to write to a store that fails.
const (
	retryFirst = 500 * time.Millisecond
	retryMost  = 30 * time.Second
)

// committer owns writing. Everybody hands over what changed and waits; one
// goroutine writes all that has gathered in one durable commit. What could not
// be written stays, and is tried again without anybody waiting for it.
type committer struct {
	store     *store
	recovered func() // called after a failing store works again
	commits   atomic.Uint64
	failure   atomic.Pointer[StoreError] // nil: can be written
	kick      chan struct{}
	quit      chan struct{}
	done      chan struct{}

	// mu guards what follows. It is held for moments only, never across I/O.
	mu       sync.Mutex
	moved    *sync.Cond // an attempt ended
	staged   batch      // of the present holder of the state's lock
	queued   batch      // of the holders before; next to be written
	inflight batch      // being written
	handed   uint64     // number of the last hand-over
	durable  uint64     // up to this hand-over everything is on disk
	attempts uint64     // ended so far
	closed   bool
}

func newCommitter(st *store, recovered func()) *committer {
	c := &committer{
		store: st, recovered: recovered,
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		staged: batch{}, queued: batch{},
	}
	c.moved = sync.NewCond(&c.mu)
	go c.run()
	return c
}

// stage keeps one slot for the hand-over at the end of the present lock
// section; readers of journals and blobs see it at once.
func (c *committer) stage(k slot, v []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.staged[k] = v
}

// handOver queues b and what was staged. It gives the number to wait for, 0
// when there was nothing.
func (c *committer) handOver(b batch) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(b) == 0 && len(c.staged) == 0 || c.closed {
		return 0
	}
	c.queued.over(c.staged)
	c.queued.over(b)
	c.staged = batch{}
	c.handed++
	if c.failure.Load() == nil {
		c.wake()
	}
	return c.handed
}

// hasStaged tells whether the present lock section has staged anything.
func (c *committer) hasStaged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.staged) > 0
}

// last is the number of the last hand-over.
func (c *committer) last() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handed
}

func (c *committer) wake() {
	select {
	case c.kick <- struct{}{}:
	default: // it will look again anyway
	}
}

// wait returns once hand-over n is durable, or why it is not: a store that
// fails keeps nobody waiting.
func (c *committer) wait(n uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.durable < n {
		if f := c.failure.Load(); f != nil {
			return f
		}
		if c.closed {
			return errClosed
		}
		c.moved.Wait()
	}
	return nil
}

// sync makes an attempt now, also when the store is failing, and waits for it.
func (c *committer) sync(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.moved.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	n, seen := c.handed, c.attempts
	if c.inflight != nil {
		seen++ // that one began before us
	}
	for c.durable < n {
		if f := c.failure.Load(); f != nil && c.attempts > seen {
			return f
		}
		if c.closed {
			return errClosed
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.wake()
		c.moved.Wait()
	}
	return nil
}

// close writes what is left, marks the file as closed properly and ends the
// goroutine.
func (c *committer) close() error {
	close(c.quit)
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.moved.Broadcast()
	if f := c.failure.Load(); f != nil {
		return f
	}
	return nil
}

func (c *committer) run() {
	defer close(c.done)
	var pause time.Duration
	for {
		var again <-chan time.Time
		if pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-c.kick:
		case <-again:
		case <-c.quit:
			c.markClosed()
			c.flush(0)
			return
		}
		pause = c.flush(pause)
	}
}

// markClosed lets the last commit say that the file was closed properly.
func (c *committer) markClosed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.store.marked || len(c.queued) > 0 {
		c.queued[uncleanSlot] = nil
	}
}

// flush makes one attempt and gives how long to wait before the next: 0 when
// there is nothing left to try.
func (c *committer) flush(pause time.Duration) time.Duration {
	b, n := c.take()
	if b == nil {
		return 0
	}
	err := c.store.write(b)
	if c.settle(n, err) {
		c.recovered()
	}
	if err == nil {
		return 0
	}
	return min(max(2*pause, retryFirst), retryMost)
}

// take moves what is queued to inflight, and gives it with its number. The
// first commit of a run also marks the file as in use.
func (c *committer) take() (b batch, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queued) == 0 {
		return nil, 0
	}
	b = c.queued
	if _, closing := b[uncleanSlot]; !closing && !c.store.marked {
		b[uncleanSlot] = []byte("1")
	}
	c.inflight, c.queued = b, batch{}
	return b, c.handed
}

// settle notes how an attempt ended, and tells whether a failing store works
// again.
func (c *committer) settle(n uint64, err error) (recovered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.moved.Broadcast()
	c.attempts++
	b := c.inflight
	c.inflight = nil
	if err != nil {
		c.queued.under(b)
		c.fail(err)
		return false
	}
	c.durable = n
	c.commits.Add(1)
	return c.failure.Swap(nil) != nil
}

func (c *committer) fail(err error) {
	since := c.store.now()
	if f := c.failure.Load(); f != nil {
		since = f.Since
	}
	c.failure.Store(&StoreError{Path: c.store.path, Since: since, Err: err})
}

// unwritten gives what readers of the file must know on top of it: the slots
// of a bucket, starting with prefix, that are not yet known to be on disk.
func (c *committer) unwritten(bucket, prefix string) map[string][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string][]byte{}
	for _, b := range []batch{c.inflight, c.queued, c.staged} {
		for k, v := range b {
			if k.bucket == bucket && len(k.key) >= len(prefix) && k.key[:len(prefix)] == prefix {
				out[k.key] = v
			}
		}
	}
	return out
}
