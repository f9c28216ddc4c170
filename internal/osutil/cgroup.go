package osutil

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Cgroup is one tree's group. On a nil Cgroup the methods do nothing.
type Cgroup struct {
	path     string
	fd       int // of the folder, for clone3
	events   int // of cgroup.events, kept open: it is read after each run
	bounding []string
	limits   Limits // as last written
	killed   atomic.Bool
}

func openCgroup(path string, bounding []string) (*Cgroup, error) {
	fd, err := openRetry(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("cannot open cgroup %s: %w", path, err)
	}
	events, err := openRetry(filepath.Join(path, "cgroup.events"), unix.O_RDONLY)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot open cgroup %s: %w", path, err)
	}
	return &Cgroup{path: path, fd: fd, events: events, bounding: bounding}, nil
}

// Path is the group's folder.
func (g *Cgroup) Path() string {
	if g == nil {
		return ""
	}
	return g.path
}

func (g *Cgroup) bounds(controller string) bool {
	return g != nil && slices.Contains(g.bounding, controller)
}

// Empty is true when nobody is alive in the group or below it.
func (g *Cgroup) Empty() bool {
	if g == nil {
		return true
	}
	var buf [128]byte
	n, err := unix.Pread(g.events, buf[:], 0)
	return err == nil && bytes.Contains(buf[:n], []byte("populated 0"))
}

// PIDs lists who is in the group or below it.
func (g *Cgroup) PIDs() []int {
	if g == nil {
		return nil
	}
	var pids []int
	_ = filepath.WalkDir(g.path, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "cgroup.procs" {
			b, _ := os.ReadFile(path) // a group removed meanwhile has nobody in it
			for _, f := range bytes.Fields(b) {
				if pid := atoi(f); pid > 0 { // 0: in a pid namespace that is not seen from here
					pids = append(pids, pid)
				}
			}
		}
		return nil
	})
	return pids
}

// signal sends sig to everyone in the group.
func (g *Cgroup) signal(sig syscall.Signal) {
	for _, pid := range g.PIDs() {
		_ = syscall.Kill(pid, sig) // it may just have gone
	}
}

// Kill kills all of it at once; they may take a moment to go. Nothing can be
// started into the group afterwards: kernels since 6.14 also kill what enters a
// group that was killed once, if it comes from another.
func (g *Cgroup) Kill() error {
	if g == nil {
		return nil
	}
	g.killed.Store(true)
	if err := writeSmall(filepath.Join(g.path, "cgroup.kill"), "1"); err != nil {
		return fmt.Errorf("cannot kill cgroup %s: %w", g.path, err)
	}
	return nil
}

// Killed says whether the group is used up, see Kill.
func (g *Cgroup) Killed() bool { return g != nil && g.killed.Load() }

// Freeze stops or thaws all of it.
func (g *Cgroup) Freeze(on bool) error {
	if g == nil {
		return nil
	}
	value := "0"
	if on {
		value = "1"
	}
	if err := writeSmall(filepath.Join(g.path, "cgroup.freeze"), value); err != nil {
		return fmt.Errorf("cannot freeze cgroup %s: %w", g.path, err)
	}
	return nil
}

// SetLimits sets what the controllers here can bound, and writes only what has
// changed. What they cannot, Cgroups.Describe says.
func (g *Cgroup) SetLimits(l Limits) error {
	if g == nil || l == g.limits {
		return nil
	}
	var errs []error
	set := func(controller, file, value string) {
		if g.bounds(controller) {
			errs = append(errs, writeSmall(filepath.Join(g.path, file), value))
		}
	}
	set("memory", "memory.max", orMax(l.Memory))
	set("memory", "memory.oom.group", "1") // half a hook is of no use
	set("pids", "pids.max", orMax(int64(l.PIDs)))
	set("cpu", "cpu.weight", strconv.Itoa(orDefault(l.CPUWeight, 100)))
	if l.CPUPercent != g.limits.CPUPercent {
		set("cpu", "cpu.max", orMax(int64(l.CPUPercent)*cpuPeriod/100)+" "+strconv.Itoa(cpuPeriod))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot limit cgroup %s: %w", g.path, err)
	}
	g.limits = l
	return nil
}

// cpuPeriod is the kernel's default, in microseconds.
const cpuPeriod = 100_000

func orMax(n int64) string {
	if n <= 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

func orDefault(n, other int) int {
	if n <= 0 {
		return other
	}
	return n
}

// waitEmpty waits until nobody is alive in the group, at most until deadline.
func (g *Cgroup) waitEmpty(deadline time.Time) bool {
	return waitUntil(deadline, g.Empty)
}

// waitUntil asks ok again and again, at growing intervals of up to 20 ms.
func waitUntil(deadline time.Time, ok func() bool) bool {
	for pause := 200 * time.Microsecond; !ok(); pause = min(2*pause, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// Remove removes the empty group, with groups that were made below it, and
// closes it.
func (g *Cgroup) Remove() error {
	if g == nil {
		return nil
	}
	g.Close()
	return removeGroup(g.path)
}

// removeGroup removes folders only: the files of a group go with it.
func removeGroup(path string) error {
	entries, _ := os.ReadDir(path) // gone: Remove says so
	for _, e := range entries {
		if e.IsDir() {
			_ = removeGroup(filepath.Join(path, e.Name()))
		}
	}
	if err := unix.Rmdir(path); err != nil && err != unix.ENOENT {
		return fmt.Errorf("cannot remove cgroup %s: %w", path, err)
	}
	return nil
}

// Close gives back the descriptors and leaves the group.
func (g *Cgroup) Close() {
	if g != nil {
		unix.Close(g.fd)
		unix.Close(g.events)
	}
}

// Destroy kills who is in the group, waits for them to go, and removes it. It is
// for groups of an earlier daemon: a Process ends its own.
func (g *Cgroup) Destroy() error {
	if g == nil {
		return nil
	}
	if err := g.Kill(); err != nil {
		g.Close()
		return err
	}
	if !g.waitEmpty(time.Now().Add(killPatience)) {
		g.Close()
		return fmt.Errorf("cannot end who is in cgroup %s: they do not die", g.path)
	}
	return g.Remove()
}
