package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of the times in /proc/PID/stat: the kernel says 100 a
// second to programs, whatever it counts itself.
const clockTick = 10 * time.Millisecond

// ownCPU is what the process has used so far, all of its threads, also those that
// have ended, and none of its children.
func ownCPU(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: exact to the nanosecond
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, fmt.Errorf("cannot read the clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// childrenCPU is what the children that the process has waited for have used,
// theirs included.
func childrenCPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const cutime, cstime = 13, 14 // counted after the name, which may hold spaces
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int
	for _, i := range []int{cutime, cstime} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("cannot read what the children of %d used: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// written is how many bytes the process, and the children it has waited for, have
// sent towards a disk.
func written(pid int) (float64, error) {
	return procField(fmt.Sprintf("/proc/%d/io", pid), "write_bytes:")
}

// resident is the process's memory in MiB.
func resident(pid int) (float64, error) {
	kib, err := procField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	return kib / 1024, err
}

// wakeUps is how often the threads that the process has now have gone to sleep by
// themselves: as often they were woken.
func wakeUps(pid int) (sum float64, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range tasks {
		n, err := procField(path, "voluntary_ctxt_switches:")
		if err != nil && !os.IsNotExist(err) {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// procField reads the number behind a name in one of the kernel's tables.
func procField(path, name string) (float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
