package public

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/internal/config"
)

// errUnknown is a probe's result before its first.
var errUnknown = errors.New("not looked at yet")

// probe looks after one thing in the background, so that requests only read what
// came of it.
type probe struct {
	check   func(ctx context.Context) error
	period  time.Duration // between looks
	timeout time.Duration // of one
	kick    chan struct{} // look now

	busy   atomic.Bool // a look that may have outlived its time-out
	result atomic.Pointer[error]
}

func newProbe(period, timeout time.Duration, check func(ctx context.Context) error) *probe {
	p := &probe{check: check, period: period, timeout: timeout, kick: make(chan struct{}, 1)}
	p.result.Store(&errUnknown)
	return p
}

// err is what the last look found.
func (p *probe) err() error { return *p.result.Load() }

func (p *probe) now() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// start looks again and again until ctx ends.
func (p *probe) start(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() {
		ticker := time.NewTicker(p.period)
		defer ticker.Stop()
		for {
			p.look(ctx)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			case <-p.kick:
			}
		}
	})
}

// look takes no longer than the time-out. A check that does not heed its context
// (a file system that hangs) goes on, and no other is begun beside it.
func (p *probe) look(ctx context.Context) {
	if !p.busy.CompareAndSwap(false, true) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.busy.Store(false)
		err := p.check(ctx)
		p.result.Store(&err)
	}()
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		p.overdue(ctx, done)
	}
}

// overdue gives a check that heeds its context a moment to say so itself.
func (p *probe) overdue(ctx context.Context, done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(p.timeout / 10):
		err := fmt.Errorf("no answer within %v", p.timeout)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			p.result.Store(&err)
		}
	}
}

// What is said where files decide.
const (
	disabledByFile = "DISABLED BY FILE"
	missingFile    = "FILE PATH MISSING"
)

// filesPeriod is how often files are looked for, in a place that has some.
const (
	filesPeriod  = time.Second
	filesTimeout = time.Second
)

// newFiles is the probe of a listener's files, or nil without any.
func newFiles(l config.Listener) *probe {
	switch {
	case len(l.DisableFiles) > 0:
		return newProbe(filesPeriod, filesTimeout, func(context.Context) error { return anyThere(l.DisableFiles) })
	case len(l.EnableFiles) > 0:
		return newProbe(filesPeriod, filesTimeout, func(context.Context) error { return allThere(l.EnableFiles) })
	}
	return nil
}

func anyThere(paths []string) error {
	for _, path := range paths {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return errors.New(disabledByFile)
		}
	}
	return nil
}

func allThere(paths []string) error {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return errors.New(missingFile)
		}
	}
	return nil
}
