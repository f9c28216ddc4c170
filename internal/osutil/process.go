package osutil

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status; -1 when a signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	Usage  syscall.Rusage // of the first process and those that it waited for
	Left   bool           // some descendant would not die: it hangs in the kernel
}

// Process is a started program with all of its descendants.
type Process struct {
	pid    int
	handle int // pidfd: readable at the end of the first process
	group  *Cgroup
	marker string
	start  func() uint64
	aging  *time.Timer // fires when it has lived for a while
	done   chan struct{}
	exit   Exit // written before done is closed
	swept  bool // see trees.judging

	mu       sync.Mutex
	patience time.Time // until then the rest may outlive the first process: Stop's grace
	ended    bool      // the first process is reaped: its pid may be another's
}

// PID is the first process's id.
func (p *Process) PID() int { return p.pid }

// StartTime is when the kernel started it, in clock ticks after boot: with PID
// it names the process for good.
func (p *Process) StartTime() uint64 { return p.start() }

// Done is closed when the first process has ended and the whole tree is gone
// and reaped. When the first process ends by itself, the rest is killed at once.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit is how the first process ended; valid after Done.
func (p *Process) Exit() Exit { return p.exit }

// Signal sends sig to the first process only. os.ErrProcessDone when it has
// ended.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return os.ErrProcessDone
	}
	return syscall.Kill(p.pid, sig) // not reaped: the pid is still its own
}

// Stop sends sig to the whole tree, waits up to grace for all of it to go, kills
// what is left, and returns when Done is closed. Several may call it. The error
// is for what a KILL does not end: it hangs in the kernel.
func (p *Process) Stop(sig syscall.Signal, grace time.Duration) error {
	end := time.Now().Add(grace)
	p.mu.Lock()
	if p.patience.IsZero() || end.Before(p.patience) {
		p.patience = end
	}
	p.mu.Unlock()
	if grace > 0 {
		p.signalTree(sig)
		if p.doneWithin(grace) {
			return nil
		}
	}
	p.kill()
	if p.doneWithin(2 * killPatience) { // once for the first process, once for the rest
		return nil
	}
	return fmt.Errorf("process %d does not die: it hangs in the kernel", p.pid)
}

func (p *Process) doneWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
		return false
	}
}

// kill kills the tree while its first process may still live. What it misses the
// watch finds once that has ended.
func (p *Process) kill() {
	if p.group == nil || p.group.Kill() != nil {
		p.signalTree(syscall.SIGKILL)
	}
}

// signalTree gives who was signalled, where there is no cgroup.
func (p *Process) signalTree(sig syscall.Signal) (members []Proc) {
	if p.group != nil {
		p.group.signal(sig)
		return nil
	}
	members = p.members()
	if sig == syscall.SIGKILL {
		// Stopped first, none can start another, nor tell of the death of its child.
		signalAll(members, syscall.SIGSTOP)
	}
	signalAll(members, sig)
	return members
}

func signalAll(members []Proc, sig syscall.Signal) {
	for _, m := range members {
		_ = syscall.Kill(m.PID, sig) // it may just have gone
	}
}

// Handle is the pidfd of an attended process: it is readable, as poll(2) says it,
// when the first process has ended. Bury closes it.
func (p *Process) Handle() int { return p.handle }

// Bury ends an attended process once Handle has become readable: what is left of
// the tree is killed, all of it is reaped, and Done is closed.
func (p *Process) Bury() {
	p.aging.Stop()
	// Still unreaped, its pid and session are nobody else's: the time to sweep.
	p.exit.Left = !p.sweep()
	family.bury(p)
	if p.handle >= 0 {
		unix.Close(p.handle)
	}
	family.reapOrphans()
	close(p.done)
}

// Abandon leaves an attended process, which does not die, to a goroutine that
// buries it when it does, and then calls after: until then its cgroup is in use.
// Not to be followed by Bury.
func (p *Process) Abandon(after func()) {
	go func() {
		p.watch()
		after()
	}()
}

func (p *Process) watch() {
	p.awaitEnd()
	p.Bury()
}

// awaitEnd returns when the first process has ended, and leaves it unreaped. It
// waits by the runtime's poller: a hundred services shall not hold a hundred
// threads.
func (p *Process) awaitEnd() {
	_ = unix.SetNonblock(p.handle, true) // it is ours and open
	f := os.NewFile(uintptr(p.handle), "pidfd")
	p.handle = -1
	defer f.Close()
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			return hasEnded(unix.P_PIDFD, int(fd), unix.WNOHANG)
		})
	}
	for err != nil && !hasEnded(unix.P_PID, p.pid, 0) {
	}
}

func hasEnded(kind, id, flags int) bool {
	var info unix.Siginfo
	err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
	switch err {
	case nil:
		return info.Signo != 0
	case unix.EINTR, unix.EAGAIN:
		return false
	}
	// ECHILD: no children at all; or somebody reaped ours by -1, and there is
	// nothing to wait for.
	return kind != unix.P_ALL
}

// reap takes the first process's end from the kernel.
func (p *Process) reap() {
	var status syscall.WaitStatus
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, &p.exit.Usage)
		if err != syscall.EINTR {
			break
		}
	}
	p.ended = true
	p.exit.Code = status.ExitStatus()
	if status.Signaled() {
		p.exit.Code, p.exit.Signal = -1, status.Signal()
	}
}

// sweep ends what is left of the tree after its first process; false when some
// of it would not go.
func (p *Process) sweep() bool {
	if p.gone() {
		return true
	}
	p.mu.Lock()
	patience := p.patience
	p.mu.Unlock()
	if !patience.IsZero() && waitUntil(patience, p.gone) {
		return true
	}
	if p.group != nil {
		return p.sweepGroup(time.Now().Add(killPatience))
	}
	return p.sweepTree()
}

// sweepTree kills what is left where there is no cgroup. On a busy host each look
// takes long, and may find orphans that another tree could have been the origin
// of until now: what counts is how long one lives that was killed.
func (p *Process) sweepTree() bool {
	type birth struct {
		pid   int
		start uint64
	}
	killed := make(map[birth]time.Time)
	for begin, pause := time.Now(), 200*time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		members, now := p.signalTree(syscall.SIGKILL), time.Now()
		if p.gone() {
			return true
		}
		hangs := now.Sub(begin) > sweepPatience
		for _, m := range members {
			b := birth{m.PID, m.Start}
			if _, known := killed[b]; !known {
				killed[b] = now
			}
			hangs = hangs || now.Sub(killed[b]) > killPatience
		}
		if hangs {
			return false
		}
		time.Sleep(pause)
	}
}

func (p *Process) sweepGroup(deadline time.Time) bool {
	victims := slices.DeleteFunc(p.group.PIDs(), func(pid int) bool { return pid == p.pid })
	if p.group.Kill() != nil {
		p.group.signal(syscall.SIGKILL)
	}
	if !p.group.waitEmpty(deadline) {
		return false
	}
	// A moment passes between leaving the group and becoming this process's dead
	// child: wait for that, so that no zombie is left behind.
	return waitUntil(deadline, func() bool {
		victims = slices.DeleteFunc(victims, buried)
		return len(victims) == 0
	})
}

// buried says whether pid is gone, and reaps it when it is a dead orphan.
func buried(pid int) bool {
	proc, err := ReadProc(pid)
	if err != nil {
		return true
	}
	if proc.Dead() && proc.PPID == os.Getpid() {
		return family.reapOrphan(proc)
	}
	return false
}

// gone is true when nothing of the tree but its first process is there.
func (p *Process) gone() bool {
	if p.group != nil {
		return p.group.Empty()
	}
	return p.sweptClean()
}
