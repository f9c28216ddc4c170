package osutil

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Limits bound a process tree. Zero fields set no bound.
type Limits struct {
	Memory    int64 // bytes; by cgroup for the whole tree, else RLIMIT_DATA for each process
	PIDs      int   // processes and threads; by cgroup only
	CPUWeight int   // 1 to 10000, the kernel's default is 100; by cgroup only

	CPUPercent int // of one processor; by cgroup only
}

// maxOOMScore is the kernel's upper end of oom_score_adj.
const maxOOMScore = 1000

var ownOOMScore = sync.OnceValue(func() int {
	b, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
})

// autogroups says whether the kernel shares the processor between sessions first:
// then the niceness of a process counts only inside its own session.
var autogroups = sync.OnceValue(func() bool {
	b, err := os.ReadFile("/proc/sys/kernel/sched_autogroup_enabled")
	return err == nil && strings.TrimSpace(string(b)) == "1"
})

// HostMemory is how many bytes of memory the host has, 0 if unknown.
func HostMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// bound sets what belongs to a process and can only be set from outside, right
// after its start. The process may have ended already: errors do not count.
func bound(pid int, s *Spec) {
	proc := "/proc/" + strconv.Itoa(pid)
	if s.OOMScoreAdj != 0 {
		score := min(ownOOMScore()+s.OOMScoreAdj, maxOOMScore)
		_ = writeSmall(proc+"/oom_score_adj", strconv.Itoa(score))
	}
	if s.Nice > 0 && autogroups() {
		_ = writeSmall(proc+"/autogroup", strconv.Itoa(s.Nice))
	}
	if s.Limits.Memory > 0 && !s.Cgroup.bounds("memory") {
		// RLIMIT_DATA and not RLIMIT_AS: runtimes reserve far more than they use.
		lim := unix.Rlimit{Cur: uint64(s.Limits.Memory), Max: uint64(s.Limits.Memory)}
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &lim, nil)
	}
}
