package reportstate

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxRequests is how many requests are made in a row. What is left then waits as
// after a failure, so that nothing a collector answers makes a host hammer it.
const maxRequests = 16

// syncTimeout bounds the wait for a disk that hangs. Reports of changes that are
// not on disk are not sent: after a crash the change would end once more, and be
// told under another key.
const syncTimeout = 2 * time.Second

// line is how it stands with the collector. The manager's mu guards it.
type line struct {
	next      time.Time // of the next exchange when nothing presses
	retry     time.Time // not before, because the last one failed; zero: it did not
	failures  int       // in a row
	last      *time.Time
	lastError string
	errorAt   *time.Time
	delivered uint64

	// A request that the collector refuses is sent again in halves until one
	// report is found; when the collector then takes a request without any, it is
	// that report's fault.
	most    int     // reports in the next request
	suspect *report // refused when sent alone
	reason  string  // and why
}

// ship makes exchanges until ctx ends.
func (m *Manager) ship(ctx context.Context, done chan struct{}) {
	defer close(done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.wake:
		}
		due := m.due() // first: what presses is then in what is saved
		sequence := m.save()
		if !due.After(time.Now()) {
			m.exchange(ctx, sequence)
		}
		timer.Reset(time.Until(m.due()))
	}
}

// due is when the next exchange is: at once when the end of a change is to be
// told, but never before a failing collector has had its rest.
func (m *Manager) due() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.line.retry.IsZero():
		return m.line.retry
	case len(m.out.changes) > 0:
		return time.Time{}
	}
	return m.line.next
}

// exchange tells what waits, in as many requests as it takes.
func (m *Manager) exchange(ctx context.Context, sequence uint64) {
	if !m.await(ctx, sequence) && m.onlyChanges() {
		m.putOff()
		return
	}
	for range maxRequests {
		b := m.pack()
		r := m.post(ctx, b.exchange)
		more := m.settle(b, r)
		if ctx.Err() != nil {
			return
		}
		m.tell(b, r)
		if !more {
			return
		}
	}
	m.putOff()
}

// putOff lets what could go at once, and did not, wait as after a failure.
func (m *Manager) putOff() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.line.retry = time.Now().Add(about(m.o.RetryFirst))
}

// await waits until changes up to sequence are on disk, and gives false when the
// disk does not take them now.
func (m *Manager) await(ctx context.Context, sequence uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if m.sync(ctx) != nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable = max(m.durable, sequence)
	return true
}

// onlyChanges tells an exchange that is made only to tell of changes.
func (m *Manager) onlyChanges() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.out.changes) > 0 && m.line.next.After(time.Now())
}

// within is a random time up to d.
func within(d time.Duration) time.Duration { return rand.N(d + 1) }

// about is d give or take a fifth, so that hosts do not march in step.
func about(d time.Duration) time.Duration { return d - d/5 + within(2*(d/5)) }
