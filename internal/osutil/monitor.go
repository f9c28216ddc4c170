package osutil

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// monitorSlack is by how much the runtime's monitor may oversleep. By itself it
// sleeps for up to 10 ms where little happens, and acts upon what lasts for that
// long.
const monitorSlack = 4 * time.Millisecond

// ownSlack is the timer slack that what this process starts is to have, in
// nanoseconds; 0: whatever it inherits.
var ownSlack atomic.Int64

// CalmMonitor lets the monitor thread of Go's runtime sleep longer. Whenever
// anything runs it looks every 20 µs whether somebody holds a processor for too
// long, and for a daemon that mostly waits these looks are a sixth of all that
// it does. The kernel may now put them off a little; nothing else of the runtime
// is changed. It needs CAP_SYS_NICE: without, all stays as it is, and also where
// Go has one processor only, as there nobody but the monitor lets others on while
// a system call takes its time.
func CalmMonitor() {
	if runtime.GOMAXPROCS(0) == 1 {
		return
	}
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || slack >= int(monitorSlack) {
		return
	}
	tid := monitor()
	if tid == "" {
		return
	}
	// The folder of a thread is not listed in /proc, but it is there. Threads that
	// the monitor makes inherit from it, and so would what these start.
	ownSlack.Store(int64(slack))
	_ = writeSmall("/proc/"+tid+"/timerslack_ns", strconv.FormatInt(int64(monitorSlack), 10))
}

// monitor is the thread's id: the runtime makes it first of all, before any
// package's init, and the kernel lists threads in the order of their making.
func monitor() string {
	f, err := os.Open("/proc/self/task")
	if err != nil {
		return ""
	}
	defer f.Close()
	first, err := f.Readdirnames(2)
	if err != nil || len(first) < 2 || first[0] != strconv.Itoa(os.Getpid()) {
		return ""
	}
	return first[1]
}
