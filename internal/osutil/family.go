package osutil

import (
	"math"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// family is the processes that this one has started by Start. There is one, as
// there is one process whose children they are.
var family = &trees{byPID: make(map[int]*Process)}

// trees tells a started process from an adopted orphan, and whose that is.
type trees struct {
	// forks is held for reading from before a process exists until it is listed,
	// so that who holds it for writing takes no new child for an orphan.
	forks sync.RWMutex

	// judging is held while orphans are given to a tree, and guards Process.swept: of
	// two trees that end together, one must be the last to be asked.
	judging sync.Mutex

	mu    sync.Mutex // guards byPID, and is held to reap
	byPID map[int]*Process
}

func (t *trees) add(p *Process) {
	p.start = sync.OnceValue(func() uint64 {
		start, err := StartTime(p.pid)
		if err != nil {
			return math.MaxUint64 // reaped, and its tree with it: nothing is as young
		}
		return start
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byPID[p.pid] = p
}

// bury reaps a started process. It is listed exactly as long as it is not reaped:
// nobody takes it for an orphan, nor another process with its pid for it.
func (t *trees) bury(p *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.reap()
	delete(t.byPID, p.pid)
}

// orphans lists the adopted children: those in a session other than this
// process's own that Start did not start. (What os/exec starts stays in the own
// session; everything that descends from a Start is in another.)
func (t *trees) orphans() []Proc {
	t.forks.Lock()
	defer t.forks.Unlock()
	// Nor is one reaped meanwhile: the kernel's list leaves out children that
	// live where others are taken off it while it is read.
	t.mu.Lock()
	defer t.mu.Unlock()
	self := os.Getpid()
	children := childrenOf(self)
	own, _ := unix.Getsid(0)
	var orphans []Proc
	for _, pid := range children {
		if t.byPID[pid] != nil {
			continue
		}
		if p, err := ReadProc(pid); err == nil && p.PPID == self && p.SID != own {
			orphans = append(orphans, p)
		}
	}
	return orphans
}

// reapOrphans reaps the adopted children that are dead. It looks only when some
// child, whoever's, is dead: that costs one system call. It says how many.
func (t *trees) reapOrphans() (reaped int) {
	if !hasEnded(unix.P_ALL, 0, unix.WNOHANG) {
		return 0
	}
	for _, p := range t.orphans() {
		if p.Dead() && t.reapOrphan(p) {
			reaped++
		}
	}
	return reaped
}

// reapOrphan reaps one adopted child by its pid, and says whether it is gone. A
// started process is left to its watch.
func (t *trees) reapOrphan(p Proc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byPID[p.PID] != nil {
		return false
	}
	pid, err := syscall.Wait4(p.PID, nil, syscall.WNOHANG, nil)
	return pid == p.PID || err == syscall.ECHILD
}

// living is a copy of the list.
func (t *trees) living() []*Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*Process, 0, len(t.byPID))
	for _, p := range t.byPID {
		list = append(list, p)
	}
	return list
}

// members finds the tree without a cgroup.
func (p *Process) members() []Proc {
	family.judging.Lock()
	defer family.judging.Unlock()
	first, err := ReadProc(p.pid)
	if err != nil || first.Dead() {
		return p.rest()
	}
	members := append([]Proc{first}, p.rest()...)
	return append(members, descendants([]int{p.pid})...)
}

// sweptClean is true when nothing is left but the first process, which has ended. From
// then on the tree is nobody's origin.
func (p *Process) sweptClean() bool {
	family.judging.Lock()
	defer family.judging.Unlock()
	p.swept = len(p.rest()) == 0
	return p.swept
}

// rest finds what is not below the first process any more, or never was: the
// orphans that must be its own, and what descends from them. Dead orphans are
// reaped. The caller holds family.judging.
func (p *Process) rest() []Proc {
	orphans := family.orphans()
	if len(orphans) == 0 {
		return nil
	}
	var roots []Proc
	var pids []int
	others := slices.DeleteFunc(family.living(), func(q *Process) bool { return q == p })
	for _, o := range orphans {
		switch {
		case !p.owns(o, others):
		case o.Dead():
			family.reapOrphan(o)
		default:
			roots, pids = append(roots, o), append(pids, o.PID)
		}
	}
	if len(roots) == 0 {
		return nil
	}
	return append(roots, slices.DeleteFunc(descendants(pids), Proc.Dead)...)
}

// owns says whether orphan o descends from p. The session and the cookie prove
// it, unless another tree has the same cookie. One that has shed both is p's when
// nobody else can be its origin: no other tree was there before it. While another
// could, it is left alone, until that one's own end.
func (p *Process) owns(o Proc, others []*Process) bool {
	if o.SID == p.pid {
		return true
	}
	if p.marker != "" && hasEntry(Environ(o.PID), p.marker) {
		return !slices.ContainsFunc(others, func(q *Process) bool { return q.marker == p.marker })
	}
	if o.Start < p.StartTime() {
		return false
	}
	return !slices.ContainsFunc(others, func(q *Process) bool { return q.mayOwn(o) })
}

func (p *Process) mayOwn(o Proc) bool {
	if p.group != nil {
		return slices.Contains(p.group.PIDs(), o.PID)
	}
	return !p.swept && p.StartTime() <= o.Start
}
