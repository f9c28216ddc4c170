// Package vfork starts a program by way of a child that first makes system calls
// upon itself. Its noun is a [Call], one of these. Its rule is that between the
// child's first moment and the program nothing of Go runs in it, for it shares all
// memory with this process: the calls are a list that is ready before it begins,
// and what goes through the list is a few instructions that use no stack.
//
// syscall.ForkExec knows what a child may do to itself before it becomes the
// program, and Landlock, niceness and no_new_privs are not among that. They must
// then be put on a thread of this process that ends with it.
//
// The package imports nothing, so that its variables get their values before
// package syscall changes what one of them tells (see [Files]).
package vfork

import "unsafe"

// Call is a system call that the child makes.
type Call struct {
	Number uintptr
	Args   [5]uintptr
	How    How
}

// How says what is peculiar about a call.
type How uintptr

const (
	MayFail How = 1 << iota // if it fails, the next one is made all the same
	OnLast                  // its first argument is what the call before it gave
)

// Child says how a child is made.
type Child struct {
	Cgroup int // descriptor of its folder; negative: this process's
	Calls  []Call
}

// What the kernel is told of the child.
const (
	cloneVM           = 0x100
	clonePidFD        = 0x1000
	cloneVFork        = 0x4000
	cloneClearSigHand = 0x100000000
	cloneIntoCgroup   = 0x200000000
	sigChld           = 17
)

// cloneArgs is the kernel's struct clone_args.
type cloneArgs struct {
	flags      uint64
	pidFD      uint64
	_          [2]uint64 // where thread ids go
	exitSignal uint64
	_          [5]uint64 // stack, thread-local storage, wished-for pids
	cgroup     uint64
}

// failure is where the child leaves word of why it ended.
type failure struct {
	errno uintptr
	call  uintptr // its address
}

// order is all that is shared with the child.
type order struct {
	args    cloneArgs
	failure failure
	pidFD   int32
}

// Start makes the child and returns when it has become its program, which the last
// of its calls must have it do, or has ended. A child that was made has a pid and a
// pidfd, both the caller's to reap and to close, also when it has failed: then
// errno is why, and failed is the index of the call, or -1 when there is no child.
//
// What the calls point at must be on the heap, and be kept alive.
func (c *Child) Start() (pid, pidFD, failed int, errno uintptr) {
	o := &order{pidFD: -1}
	o.args = cloneArgs{
		flags: cloneVM | cloneVFork | clonePidFD | cloneClearSigHand,
		pidFD: uint64(uintptr(unsafe.Pointer(&o.pidFD))), exitSignal: sigChld,
	}
	if c.Cgroup >= 0 {
		o.args.flags |= cloneIntoCgroup
		o.args.cgroup = uint64(c.Cgroup)
	}
	pid = start(&o.args, unsafe.Sizeof(o.args), &c.Calls[0], &o.failure)
	if pid < 0 {
		return 0, -1, -1, uintptr(-pid)
	}
	if o.failure.errno != 0 {
		failed = int((o.failure.call - uintptr(unsafe.Pointer(&c.Calls[0]))) / unsafe.Sizeof(Call{}))
	}
	return pid, int(o.pidFD), failed, o.failure.errno
}

// Limit is the kernel's struct rlimit.
type Limit struct{ Cur, Max uint64 }

// Files is how many files this process might have open when it began. Package
// syscall then raises that to all that is allowed, which is not what programs that
// it starts are to inherit.
var Files = files()
