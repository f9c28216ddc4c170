package osutil

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start, and in which bounds. The process always gets a
// session of its own, which sets what descends from it apart from the daemon's
// other children.
type Spec struct {
	Path string   // absolute
	Args []string // after the program's name
	Env  []string // complete: nothing is inherited
	Dir  string

	Stdin, Stdout, Stderr *os.File // nil: /dev/null; the caller closes them after Start

	User        *User    // nil: the daemon's own
	Nice        int      // 0: as the daemon
	IOIdle      bool     // idle I/O class
	NoNewPrivs  bool     // implied by Landlock
	Landlock    *Ruleset // also drops the capabilities that lead around it; nil: not confined
	Cgroup      *Cgroup  // nil: orphans are found by Marker and session
	OOMScoreAdj int      // added to the daemon's own, so that the kernel picks the child first
	Limits      Limits   // what the cgroup cannot bound and the process's own limits can

	// Attended leaves it to the caller to await the end by Handle, and to Bury. It
	// costs less than a watch of its own, and holds a thread: for what is short.
	Attended bool

	// Marker is an entry of Env, KEY=VALUE, that no other tree has (a cookie). By
	// it orphans are told apart where there is no cgroup.
	Marker string
}

var devNull = sync.OnceValues(func() (*os.File, error) {
	return os.OpenFile(os.DevNull, os.O_RDWR, 0)
})

// KeepDescriptors keeps what this process was itself handed (a shell's pipe, a
// service manager's socket) from being handed on to what it starts. Kernels
// before 5.11 lack the call: there, what came open stays so.
func KeepDescriptors() {
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}

// Start starts s. An *os.PathError with a syscall.Errno in the chain says why
// the kernel refused the program. ctx bounds the start, not the life.
func Start(ctx context.Context, s Spec) (*Process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	cred, err := s.User.credential()
	if err != nil {
		return nil, err
	}
	fds, err := s.files()
	if err != nil {
		return nil, err
	}
	p := &Process{group: s.Cgroup, marker: s.Marker, done: make(chan struct{})}
	family.forks.RLock()
	p.pid, p.handle, err = s.start(cred, fds)
	if err == nil {
		family.add(p)
	}
	family.forks.RUnlock()
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
	}
	p.aging = time.AfterFunc(firstLook, looker.begin)
	if !s.Attended {
		go p.watch()
	}
	return p, nil
}

// files are the descriptors of the first three.
func (s *Spec) files() (fds [3]int, err error) {
	null, err := devNull()
	if err != nil {
		return fds, err
	}
	for i, f := range [...]*os.File{s.Stdin, s.Stdout, s.Stderr} {
		if f == nil {
			f = null
		}
		fds[i] = int(f.Fd())
	}
	return fds, nil
}

// start makes the process, and gives a pidfd of it. What came to this process as
// its own first files it does not pass on by vfork, as they might be in the way of
// each other.
func (s *Spec) start(cred *syscall.Credential, fds [3]int) (pid, pidfd int, err error) {
	if canSpawn() && slices.Min(fds[:]) > 2 {
		return s.spawn(cred, fds)
	}
	if pid, pidfd, err = s.fork(cred, fds); err != nil {
		return 0, -1, err
	}
	if pidfd < 0 {
		return 0, -1, disown(pid)
	}
	s.bound(pid)
	return pid, pidfd, nil
}

// disown ends a process that could not be followed.
func disown(pid int) error {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	return errors.New("the kernel has no pidfd (it came with Linux 5.4)")
}

// fork starts the program where [Spec.spawn] cannot. What belongs to a thread and
// is inherited is set on a thread of its own, which dies: the goroutine ends
// without unlocking it. (For the same reason Pdeathsig cannot be used: it would
// fire at that death.)
func (s *Spec) fork(cred *syscall.Credential, fds [3]int) (pid, pidfd int, err error) {
	l := callLists.Get().(*callList)
	defer l.giveBack()
	if err := l.restrict(s); err != nil {
		return 0, -1, err
	}
	pidfd = -1
	sys := &syscall.SysProcAttr{Setsid: true, Credential: cred, PidFD: &pidfd}
	if s.Cgroup != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, s.Cgroup.fd
	}
	attr := &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Sys: sys, Files: []uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2])}}
	onOwnThread(func() {
		if err = l.onThread(); err == nil {
			pid, err = syscall.ForkExec(s.Path, append([]string{s.Path}, s.Args...), attr)
		}
	})
	runtime.KeepAlive(s)
	return pid, pidfd, err
}

// onOwnThread calls f on a thread that dies after it. That is never the main
// thread: it cannot die, and the kernel takes its bounds for the process's, so
// that the hook which it was bounded for could look into the daemon.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != os.Getpid() {
			f()
			return
		}
		onOwnThread(f) // elsewhere, as this thread is taken meanwhile
		runtime.UnlockOSThread()
	}()
	<-done
}

const (
	ioprioWhoProcess = 1
	ioprioIdle       = 3 << 13 // class in the upper bits
)
