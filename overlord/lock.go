package overlord

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/dirs"
)

// rootLock makes this daemon the only one on its root. The kernel gives the
// lock back when the process dies, however it dies.
type rootLock struct{ file *os.File }

func lockRoot(d dirs.Dirs) (*rootLock, error) {
	f, err := os.OpenFile(d.Lock(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the root %s: %w", d.Root, err)
	}
	if err := takeLock(f); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another pkgd (pid %s) runs on the root %s: stop that one, or choose another --root", holder(f), d.Root)
		}
		return nil, fmt.Errorf("cannot lock the root %s: %w", d.Root, err)
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock the root %s: %w", d.Root, err)
	}
	fmt.Fprintf(f, "%d\n", os.Getpid())
	return &rootLock{f}, nil
}

// lockPatience is how long the lock of a dead daemon is waited for. A child that
// it was just forking when it was killed holds the lock until it executes.
const lockPatience = 2 * time.Second

// takeLock locks the file at once, or as soon as what a killed daemon left
// behind lets go of it. A daemon that lives is not waited for.
func takeLock(f *os.File) error {
	for end := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || lives(holder(f)) || time.Now().After(end) {
			return err
		}
	}
}

func lives(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && !errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
}

// holder reads the pid that the lock's owner wrote; it may be about to.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

func (l *rootLock) release() { l.file.Close() }
