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

// bound sets what belongs to a process that has been started without it. The
// process may have ended already: errors do not count.
func (s *Spec) bound(pid int) {
	proc := "/proc/" + strconv.Itoa(pid)
	if s.OOMScoreAdj != 0 {
		_ = writeSmall(proc+"/oom_score_adj", string(s.oomScore()))
	}
	if s.Nice > 0 && autogroups() {
		_ = writeSmall(proc+"/autogroup", string(s.autogroup()))
	}
	if lim := s.memoryLimit(); lim != nil {
		_ = unix.Prlimit(pid, unix.RLIMIT_DATA, lim, nil)
	}
}

func (s *Spec) oomScore() []byte {
	return strconv.AppendInt(nil, int64(min(ownOOMScore()+s.OOMScoreAdj, maxOOMScore)), 10)
}

func (s *Spec) autogroup() []byte { return strconv.AppendInt(nil, int64(s.Nice), 10) }

// memoryLimit is what each process may have where the cgroup does not see to it;
// nil: no bound. RLIMIT_DATA and not RLIMIT_AS: runtimes reserve far more than they
// use.
func (s *Spec) memoryLimit() *unix.Rlimit {
	if s.Limits.Memory <= 0 || s.Cgroup.bounds("memory") {
		return nil
	}
	return &unix.Rlimit{Cur: uint64(s.Limits.Memory), Max: uint64(s.Limits.Memory)}
}
