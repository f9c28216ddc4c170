package osutil

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Proc is a line of /proc.
type Proc struct {
	PID, PPID, PGID, SID int
	State                byte   // as ps shows it: R, S, D, Z …
	Start                uint64 // clock ticks after boot
}

// Dead is true for a process that has ended and waits to be reaped.
func (p Proc) Dead() bool { return p.State == 'Z' || p.State == 'X' }

// ReadProc reads /proc/PID/stat. os.ErrNotExist (wrapped) when there is no such
// process.
func ReadProc(pid int) (Proc, error) {
	var buf [1024]byte
	b, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if errors.Is(err, unix.ESRCH) { // it went between open and read
		err = os.ErrNotExist
	}
	if err != nil {
		return Proc{}, fmt.Errorf("cannot read process %d: %w", pid, err)
	}
	return parseStat(pid, b)
}

// parseStat reads what follows the program's name, which is in brackets and may
// hold anything, brackets too. Field numbers are those of proc_pid_stat(5).
func parseStat(pid int, b []byte) (Proc, error) {
	_, rest := cutLast(b, ") ")
	f := bytes.Fields(rest)
	if len(f) < 20 {
		return Proc{}, fmt.Errorf("cannot read process %d: its stat line is too short", pid)
	}
	start, err := strconv.ParseUint(string(f[22-3]), 10, 64)
	if err != nil {
		return Proc{}, fmt.Errorf("cannot read process %d: %w", pid, err)
	}
	p := Proc{PID: pid, State: f[0][0], Start: start}
	p.PPID, p.PGID, p.SID = atoi(f[4-3]), atoi(f[5-3]), atoi(f[6-3])
	return p, nil
}

func cutLast(b []byte, sep string) (before, after []byte) {
	i := bytes.LastIndex(b, []byte(sep))
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i+len(sep):]
}

func atoi(b []byte) int {
	n, _ := strconv.Atoi(string(b)) // the kernel wrote it
	return n
}

// StartTime is when pid was started, in clock ticks after boot: together with
// the pid it names a process for good.
func StartTime(pid int) (uint64, error) {
	p, err := ReadProc(pid)
	return p.Start, err
}

// readSmall reads a small file of /proc or of a cgroup into buf, without the
// cost of an os.File.
func readSmall(path string, buf []byte) ([]byte, error) {
	fd, err := openRetry(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}

// writeSmall writes a value to a file of /proc or of a cgroup.
func writeSmall(path, value string) error {
	fd, err := openRetry(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// pids lists all processes.
func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // those that could be read are enough
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// scan reads every process that there is.
func scan() []Proc {
	var all []Proc
	for _, pid := range pids() {
		if p, err := ReadProc(pid); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// childrenOf lists the children of the process's first thread, on which adopted
// ones hang, or where the kernel does not keep that list, of all its threads.
func childrenOf(pid int) []int {
	var buf [4096]byte
	name := strconv.Itoa(pid)
	b, err := readSmall("/proc/"+name+"/task/"+name+"/children", buf[:])
	if err == nil && len(b) == len(buf) {
		b, err = os.ReadFile("/proc/" + name + "/task/" + name + "/children")
	}
	if err != nil {
		return childrenByScan(pid)
	}
	var children []int
	for f := range bytes.FieldsSeq(b) {
		children = append(children, atoi(f))
	}
	return children
}

func childrenByScan(parent int) []int {
	var children []int
	for _, p := range scan() {
		if p.PPID == parent {
			children = append(children, p.PID)
		}
	}
	return children
}

// descendants lists all that descend from the processes in roots, without them.
func descendants(roots []int) []Proc {
	children := make(map[int][]Proc)
	for _, p := range scan() {
		children[p.PPID] = append(children[p.PPID], p)
	}
	var found []Proc
	for i := 0; i < len(roots); i++ {
		for _, p := range children[roots[i]] {
			found = append(found, p)
			roots = append(roots, p.PID)
		}
	}
	return found
}

// maxAncestry is how many processes IsDescendant looks at.
const maxAncestry = 10_000

// IsDescendant says whether pid's ancestry reaches this process: as its orphans
// are adopted by it, that is true for everything that a hook or a service has
// started.
func IsDescendant(pid int) bool {
	self, at := os.Getpid(), pid
	for range maxAncestry {
		if at <= 1 {
			return false
		}
		p, err := ReadProc(at)
		switch {
		case err != nil && at == pid:
			return false
		case err != nil:
			at = pid // a parent ended just now, and pid has another
		case p.PPID == self:
			return true
		default:
			at = p.PPID
		}
	}
	return true // somebody sees to it that it cannot be told
}
