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
// waits for all there is to wait for in one call: the same with a goroutine for
// each costs the daemon half as much again.
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

// pollUntilEnd is false for a process that does not die.
func (a *attempt) pollUntilEnd(f *fate) bool {
	const process, bell = 0, 1
	fds := []unix.PollFd{
		{Fd: int32(f.p.Handle()), Events: unix.POLLIN},
		{Fd: int32(a.slot.bell), Events: unix.POLLIN},
	}
	for _, s := range a.streams {
		fds = append(fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); err != nil {
			continue // EINTR
		}
		for i, s := range a.streams {
			if fds[bell+1+i].Revents != 0 {
				s.read()
				fds[bell+1+i].Fd = int32(s.fd)
			}
		}
		if fds[process].Revents != 0 {
			return true
		}
		if fds[bell].Revents != 0 {
			a.slot.hush()
			if f.isStuck() {
				return false
			}
		}
	}
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
