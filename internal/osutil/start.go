package osutil

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
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
	attr, pidfd, err := s.attributes()
	if err != nil {
		return nil, err
	}
	p := &Process{handle: -1, group: s.Cgroup, marker: s.Marker, done: make(chan struct{})}
	family.forks.RLock()
	p.pid, err = s.fork(attr)
	if err == nil && *pidfd < 0 {
		err = p.disown()
	}
	if err == nil {
		family.add(p)
	}
	family.forks.RUnlock()
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: s.Path, Err: err}
	}
	p.handle = *pidfd
	bound(p.pid, &s)
	p.aging = time.AfterFunc(firstLook, looker.begin)
	if !s.Attended {
		go p.watch()
	}
	return p, nil
}

// disown ends a process that could not be followed.
func (p *Process) disown() error {
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(p.pid, nil, 0, nil)
	return errors.New("the kernel has no pidfd (it came with Linux 5.4)")
}

func (s *Spec) attributes() (*syscall.ProcAttr, *int, error) {
	null, err := devNull()
	if err != nil {
		return nil, nil, err
	}
	cred, err := s.User.credential()
	if err != nil {
		return nil, nil, err
	}
	pidfd := -1
	sys := &syscall.SysProcAttr{Setsid: true, Credential: cred, PidFD: &pidfd}
	if s.Cgroup != nil {
		sys.UseCgroupFD, sys.CgroupFD = true, s.Cgroup.fd
	}
	attr := &syscall.ProcAttr{Dir: s.Dir, Env: s.Env, Sys: sys}
	for _, f := range []*os.File{s.Stdin, s.Stdout, s.Stderr} {
		if f == nil {
			f = null
		}
		attr.Files = append(attr.Files, f.Fd())
	}
	return attr, &pidfd, nil
}

// fork starts the program. What belongs to a thread and is inherited is set on a
// thread of its own, which dies: the goroutine ends without unlocking it. (For
// the same reason Pdeathsig cannot be used: it would fire at that death.)
func (s *Spec) fork(attr *syscall.ProcAttr) (pid int, err error) {
	argv := append([]string{s.Path}, s.Args...)
	defer runtime.KeepAlive(s)
	if s.Nice == 0 && !s.IOIdle && !s.NoNewPrivs && s.Landlock == nil {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		restoreSlack()
		return syscall.ForkExec(s.Path, argv, attr)
	}
	onOwnThread(func() {
		if err = s.restrictThread(); err == nil {
			pid, err = syscall.ForkExec(s.Path, argv, attr)
		}
	})
	return pid, err
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

func (s *Spec) restrictThread() error {
	restoreSlack()
	if s.Nice != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, s.Nice); err != nil {
			return fmt.Errorf("cannot set niceness %d: %w", s.Nice, err)
		}
	}
	if s.IOIdle {
		// A kernel without I/O priorities serves as well.
		_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioIdle)
	}
	if s.NoNewPrivs || s.Landlock != nil {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("cannot set no_new_privs: %w", err)
		}
	}
	if s.Landlock == nil {
		return nil
	}
	if err := s.Landlock.RestrictThread(); err != nil {
		return err
	}
	return dropRoundabout()
}
