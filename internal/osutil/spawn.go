package osutil

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil/vfork"
)

// canSpawn says whether children can be made by vfork: there are kernels and
// containers that do not let them. The one that it tries with only ends.
var canSpawn = sync.OnceValue(func() bool {
	if !vfork.Known {
		return false
	}
	c := vfork.Child{Cgroup: -1, Calls: []vfork.Call{{Number: unix.SYS_EXIT_GROUP}}}
	pid, pidfd, _, errno := startChild(&c)
	if errno != 0 {
		return false
	}
	reapFailed(pid, pidfd)
	return true
})

// startChild makes a child at a time when nobody is about to open a file that it
// must not have.
func startChild(c *vfork.Child) (pid, pidfd, failed int, errno uintptr) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	return c.Start()
}

// reapFailed takes a child from the kernel that has not become its program.
func reapFailed(pid, pidfd int) {
	unix.Close(pidfd)
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// spawn starts the program in a child that puts all of its bounds on itself. None
// of fds, its first files, is one of this process's first.
func (s *Spec) spawn(cred *syscall.Credential, fds [3]int) (pid, pidfd int, err error) {
	l := callLists.Get().(*callList)
	defer l.giveBack()
	if err := l.all(s, cred, fds); err != nil {
		return 0, -1, err
	}
	c := vfork.Child{Cgroup: -1, Calls: l.calls}
	if s.Cgroup != nil {
		c.Cgroup = s.Cgroup.fd
	}
	pid, pidfd, failed, errno := startChild(&c)
	runtime.KeepAlive(s)
	switch {
	case errno == 0:
		return pid, pidfd, nil
	case failed < 0:
		return 0, -1, syscall.Errno(errno)
	}
	reapFailed(pid, pidfd)
	return 0, -1, l.refusal(failed, syscall.Errno(errno))
}

// all is what a child does to itself until it is the program of s.
func (l *callList) all(s *Spec, cred *syscall.Credential, fds [3]int) error {
	l.add("", unix.SYS_SETSID)
	l.bound(s)
	if err := l.restrict(s); err != nil {
		return err
	}
	l.become(cred)
	return l.execute(s, fds)
}

var (
	oomPath       = []byte("/proc/self/oom_score_adj\x00")
	autogroupPath = []byte("/proc/self/autogroup\x00")
)

// bound is what may be left undone: see the function bound, which does it from
// outside.
func (l *callList) bound(s *Spec) {
	if s.OOMScoreAdj != 0 {
		l.write(oomPath, s.oomScore())
	}
	if s.Nice > 0 && autogroups() {
		l.write(autogroupPath, s.autogroup())
	}
	if lim := s.memoryLimit(); lim != nil {
		l.try(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, at(l, lim))
	}
	if lim := filesLimit(); lim != nil {
		l.try(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, at(l, lim))
	}
}

// filesLimit is how many open files programs may have, where that is not what this
// process may have itself, see [vfork.Files]; nil where it is.
func filesLimit() *vfork.Limit {
	first := vfork.Files
	if first.Max == 0 || first.Cur >= first.Max-1 {
		return nil
	}
	var now unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &now) != nil || now.Cur != first.Max-1 || now.Max != first.Max {
		return nil // somebody has set it since, which is to be inherited
	}
	return &first
}

// restrict is what a thread can put on itself, and what it starts inherits.
func (l *callList) restrict(s *Spec) error {
	if slack := ownSlack.Load(); slack > 0 {
		l.try(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(slack))
	}
	if s.Nice != 0 {
		l.add("cannot set niceness", unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(s.Nice))
	}
	if s.IOIdle {
		// A kernel without I/O priorities serves as well.
		l.try(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioIdle)
	}
	if s.NoNewPrivs || s.Landlock != nil {
		l.add("cannot set no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	if s.Landlock == nil {
		return nil
	}
	caps, err := straightCaps()
	if err != nil {
		return err
	}
	l.add("cannot confine", unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(s.Landlock.fd))
	l.add("cannot drop capabilities", unix.SYS_CAPSET, at(l, &caps.head), at(l, &caps.sets[0]))
	return nil
}

// become takes on another user.
func (l *callList) become(cred *syscall.Credential) {
	if cred == nil {
		return
	}
	var groups uintptr
	if len(cred.Groups) > 0 {
		groups = at(l, &cred.Groups[0])
	}
	l.add("", unix.SYS_SETGROUPS, uintptr(len(cred.Groups)), groups)
	l.add("", unix.SYS_SETGID, uintptr(cred.Gid))
	l.add("", unix.SYS_SETUID, uintptr(cred.Uid))
}

// execute is the rest.
func (l *callList) execute(s *Spec, fds [3]int) error {
	if s.Dir != "" {
		dir, err := syscall.BytePtrFromString(s.Dir)
		if err != nil {
			return err
		}
		l.add("", unix.SYS_CHDIR, at(l, dir))
	}
	for i, fd := range fds {
		l.add("", unix.SYS_DUP3, uintptr(fd), uintptr(i))
	}
	path, err := syscall.BytePtrFromString(s.Path)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(append([]string{s.Path}, s.Args...))
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(s.Env)
	if err != nil {
		return err
	}
	l.add("", unix.SYS_EXECVE, at(l, path), at(l, &argv[0]), at(l, &envv[0]))
	return nil
}

// refusal says why the call of that place could not be made.
func (l *callList) refusal(place int, errno syscall.Errno) error {
	if what := l.whats[place]; what != "" {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return errno
}
