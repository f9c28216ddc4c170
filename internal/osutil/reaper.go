package osutil

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reapDelay is how long dead orphans wait for company: one look serves many.
const reapDelay = 100 * time.Millisecond

// Adopt makes this process the one that orphans among its descendants fall to,
// and reaps those that end while their tree lives on. The caller ends that with
// stop, which waits for it. Several may be at work.
func Adopt() (stop func(), err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("cannot adopt orphans: %w", err)
	}
	ended := make(chan os.Signal, 1)
	quit := make(chan struct{})
	gone := make(chan struct{})
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		defer close(gone)
		reapOnSignal(ended, quit)
	}()
	return func() {
		signal.Stop(ended)
		close(quit)
		<-gone
	}, nil
}

func reapOnSignal(ended <-chan os.Signal, quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case <-ended:
		}
		select {
		case <-quit:
			return
		case <-time.After(reapDelay):
		}
		family.reapOrphans()
	}
}
