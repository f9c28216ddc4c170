package statuspage

import "sync"

// bell tells any number of waiters that there is something new, and not what:
// they look themselves, so that nobody can be behind.
type bell struct {
	mu   sync.Mutex // guards rung
	rung chan struct{}
}

func (b *bell) init() { b.rung = make(chan struct{}) }

// next is closed when the bell rings the next time.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}
