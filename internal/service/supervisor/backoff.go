package supervisor

import (
	"time"

	"pkgd.io/pkgd/internal/service"
)

// backoff says how long to wait before a service is started again. The zero
// value is ready.
type backoff struct {
	delay time.Duration // the last one; 0: none yet
}

// next is the delay after a process that was up so long: the shortest one at
// first and after a quiet time, else twice the last.
func (b *backoff) next(up time.Duration) time.Duration {
	if b.delay == 0 || up >= service.QuietTime {
		b.delay = service.MinRestartDelay
		return b.delay
	}
	b.delay = min(2*b.delay, service.MaxRestartDelay)
	return b.delay
}
