package osutil

import (
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How often dead orphans of living trees are looked for. Those of an ended tree
// go with it, and every end reaps what is dead; this is for services that orphan
// children all their life. SIGCHLD would tell at once, but it would wake the
// daemon for every process of every hook, which costs more than all the rest.
const (
	firstLook  = time.Second
	seldomLook = 5 * time.Minute
)

// HushChildren spares this process the signal of each child's end: a thread would
// be woken for it, and find that nobody wants to know, as ends are awaited by
// pidfd. Ends can be waited for as before: that the signal is left to the kernel
// is not to ignore it.
func HushChildren() {
	var byDefault [4]uint64 // the kernel's struct sigaction
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
}

// Adopt makes this process the one that orphans among its descendants fall to,
// and has those reaped that end while their tree lives on, until stop is called.
// Several may be at work.
func Adopt() (stop func(), err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("cannot adopt orphans: %w", err)
	}
	looker.adopt(1)
	return sync.OnceFunc(func() { looker.adopt(-1) }), nil
}

// looker looks for dead orphans, the sooner the more it has found, while a
// process lives that has lived for a while.
var looker lookout

type lookout struct {
	mu       sync.Mutex // guards what follows
	adopters int
	pause    time.Duration
	timer    *time.Timer // nil while nobody needs it
}

func (l *lookout) adopt(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopters += n
	if l.adopters == 0 && l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// begin is called when a process has lived for firstLook.
func (l *lookout) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.adopters == 0 {
		return
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.pause = firstLook
	l.timer = time.AfterFunc(l.pause, l.look)
}

func (l *lookout) look() {
	found := family.reapOrphans()
	alive := len(family.living()) > 0
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		return // stopped meanwhile
	}
	if !alive {
		l.timer = nil
		return
	}
	if found > 0 {
		l.pause = max(firstLook, l.pause/8)
	} else {
		l.pause = min(seldomLook, l.pause*2)
	}
	l.timer.Reset(l.pause)
}
