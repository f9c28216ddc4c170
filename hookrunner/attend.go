package hookrunner

import (
	"context"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

// fate is what becomes of a process that is attended: its own end, or one that
// its time or the caller puts to it, whichever comes first.
type fate struct {
	a *attempt
	p *osutil.Process

	mu       sync.Mutex // guards what follows
	decided  bool
	timedOut bool
	aborted  bool
	stuck    bool
	stopping sync.WaitGroup
}

// put decides the fate, and sees to it.
func (f *fate) put(timedOut, aborted bool) {
	if !f.decide(timedOut, aborted) {
		return
	}
	defer f.stopping.Done()
	if err := f.p.Stop(syscall.SIGTERM, termGrace); err != nil {
		f.mu.Lock()
		f.stuck = true
		f.mu.Unlock()
		f.a.slot.ring()
	}
}

// decide is true for the first to call it.
func (f *fate) decide(timedOut, aborted bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decided {
		return false
	}
	f.decided, f.timedOut, f.aborted = true, timedOut, aborted
	if timedOut || aborted {
		f.stopping.Add(1)
	}
	return true
}

func (f *fate) isStuck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stuck
}

// attend sees the process to its end and takes in what it writes. One goroutine
// waits for all there is to wait for: the same with a goroutine for each costs
// the daemon half as much again.
func (a *attempt) attend(ctx context.Context, p *osutil.Process, res *Result) {
	f := &fate{a: a, p: p}
	timer := time.AfterFunc(res.Timeout, func() { f.put(true, false) })
	unhook := context.AfterFunc(ctx, func() { f.put(false, true) })
	ended := a.pollUntilEnd(f)
	f.decide(false, false)
	timer.Stop()
	unhook()
	if ended {
		p.Bury()
	}
	f.stopping.Wait()
	if !ended {
		p.Abandon(a.slot.close)
		a.slot = nil
	}
	a.conclude(ctx, f, ended, res)
}

// watch has the slot's poll speak of all there is of the run. A process that
// cannot be watched is ended.
func (a *attempt) watch(p *osutil.Process) error {
	err := a.slot.poll.add(p.Handle())
	for _, s := range a.streams {
		if err == nil {
			err = s.watch(a.slot.poll)
		}
	}
	if err == nil {
		return nil
	}
	for _, s := range a.streams {
		s.unwatch()
	}
	_ = p.Signal(syscall.SIGKILL)
	p.Abandon(a.slot.close)
	a.slot = nil
	return err
}

// pollUntilEnd is false for a process that does not die.
func (a *attempt) pollUntilEnd(f *fate) (ended bool) {
	poll := a.slot.poll
	poll.wait(func(fd int) bool {
		switch fd {
		case f.p.Handle():
			ended = true
			return true
		case a.slot.bell:
			a.slot.hush()
			return f.isStuck()
		}
		for _, s := range a.streams {
			if s.fd == fd {
				s.read()
			}
		}
		return false
	})
	poll.remove(f.p.Handle())
	for _, s := range a.streams {
		s.unwatch()
	}
	return ended
}

func (a *attempt) conclude(ctx context.Context, f *fate, ended bool, res *Result) {
	res.TimedOut = f.timedOut
	if f.aborted {
		res.abort(ctx)
	}
	a.stuck = !ended
	if ended {
		exit := f.p.Exit()
		res.ExitCode, a.stuck = exit.Code, exit.Left
		if exit.Signal != 0 {
			res.ExitCode, res.Signal = 128+int(exit.Signal), unix.SignalName(exit.Signal)
		}
	}
	if a.stuck {
		a.out.log.Error("a process of the hook does not die: it hangs in the kernel")
	}
}
