package osutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killPatience is how long killed processes may take to go. Only one that waits
// for a dead disk or server takes that long, and no signal can help it.
const killPatience = 5 * time.Second

// sweepPatience is how long a tree may bring forth processes that were not yet
// killed, once its first one has ended.
const sweepPatience = time.Minute

// Environ is pid's environment as it was started with; nil where that cannot be
// read.
func Environ(pid int) [][]byte {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(b) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte{0}), []byte{0})
}

// EnvironHas says whether pid's environment has entry: "KEY=VALUE", or "KEY" for
// any value. It is false where the environment cannot be read.
func EnvironHas(pid int, entry string) bool {
	return hasEntry(Environ(pid), entry)
}

func hasEntry(environ [][]byte, entry string) bool {
	if !strings.Contains(entry, "=") {
		entry += "="
		for _, e := range environ {
			if bytes.HasPrefix(e, []byte(entry)) {
				return true
			}
		}
		return false
	}
	for _, e := range environ {
		if string(e) == entry {
			return true
		}
	}
	return false
}

// FindByEnv finds the living processes whose environment has all entries, each
// as EnvironHas takes it. This process and its ancestors are never among them.
func FindByEnv(entries ...string) []Proc {
	mine := ancestry(os.Getpid())
	var found []Proc
	for _, pid := range pids() {
		if mine[pid] || !hasAll(pid, entries) {
			continue
		}
		if p, err := ReadProc(pid); err == nil && !p.Dead() {
			found = append(found, p)
		}
	}
	return found
}

func hasAll(pid int, entries []string) bool {
	environ := Environ(pid)
	if environ == nil {
		return false
	}
	for _, entry := range entries {
		if !hasEntry(environ, entry) {
			return false
		}
	}
	return true
}

// FindByCookie finds the living processes that carry PKG_COOKIE=cookie.
func FindByCookie(cookie string) []Proc { return FindByEnv("PKG_COOKIE=" + cookie) }

func ancestry(pid int) map[int]bool {
	line := map[int]bool{}
	for pid > 0 && !line[pid] {
		line[pid] = true
		p, err := ReadProc(pid)
		if err != nil {
			break
		}
		pid = p.PPID
	}
	return line
}

// KillFound ends processes that need not be children of this one, such as what
// outlived an earlier daemon: sig to all that find gives and to their
// descendants, grace, then KILL until none is left. The error is ctx's, or names
// who would not go.
func KillFound(ctx context.Context, find func() []Proc, sig syscall.Signal, grace time.Duration) error {
	marked := map[int]uint64{} // descendants that find alone would not know
	signalFound(find(), marked, sig)
	soft := time.Now().Add(grace)
	hard := soft.Add(killPatience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		left := append(find(), alive(marked)...)
		if len(left) == 0 {
			return nil
		}
		if now := time.Now(); now.After(hard) {
			return fmt.Errorf("cannot end process %d: it does not die", left[0].PID)
		} else if now.After(soft) {
			signalFound(left, marked, syscall.SIGKILL)
		}
		if err := Sleep(ctx, pause); err != nil {
			return errors.Join(err, fmt.Errorf("%d processes are left", len(left)))
		}
	}
}

func signalFound(found []Proc, marked map[int]uint64, sig syscall.Signal) {
	if len(found) == 0 {
		return
	}
	roots := make([]int, 0, len(found))
	for _, p := range found {
		roots = append(roots, p.PID)
	}
	for _, p := range append(descendants(roots), found...) {
		marked[p.PID] = p.Start
		_ = syscall.Kill(p.PID, sig) // it may just have gone
	}
}

func alive(marked map[int]uint64) []Proc {
	var left []Proc
	for pid, start := range marked {
		p, err := ReadProc(pid)
		if err != nil || p.Start != start || p.Dead() {
			delete(marked, pid)
			continue
		}
		left = append(left, p)
	}
	return left
}

// Sleep waits for d, or until ctx ends, which gives its cause.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
