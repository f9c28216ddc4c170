package hookrunner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

// slotFolder holds a cgroup for each run that is under way at once.
const slotFolder = "hooks"

// slots lends cgroups to runs. A run leaves its group empty, so the next one can
// have it, unless somebody had to be killed in it: making and removing a group for
// each would cost more than the run.
type slots struct {
	cgroups *osutil.Cgroups
	prefix  string // tells this daemon's groups from an earlier one's

	mu   sync.Mutex // guards what follows
	free []*slot
	made int
}

// slot is what a run borrows.
type slot struct {
	group *osutil.Cgroup // nil where there are none
	bell  int            // eventfd: wakes who attends the run
	poll  *poll          // of bell, and of what belongs to the run
}

func newSlots(c *osutil.Cgroups) *slots {
	return &slots{cgroups: c, prefix: strconv.Itoa(os.Getpid()) + "-"}
}

// take gives a slot whose group is empty and has limits l.
func (s *slots) take(l Limits) (*slot, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		got := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		if err := got.group.SetLimits(l); err != nil {
			got.dropGroup() // somebody removed it
		}
		return got, nil
	}
	s.made++
	name := filepath.Join(slotFolder, s.prefix+strconv.Itoa(s.made))
	s.mu.Unlock()
	made, err := newSlot()
	if err != nil {
		return nil, err
	}
	if made.group, err = s.cgroups.Make(name, l); err != nil {
		made.close()
		return nil, err
	}
	return made, nil
}

// newSlot is a slot without a group.
func newSlot() (*slot, error) {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	s := &slot{bell: bell}
	if s.poll, err = newPoll(); err != nil {
		unix.Close(bell)
		return nil, err
	}
	if err := s.poll.add(bell); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// dropGroup does without a group that cannot be used: the run is followed by
// session and cookie.
func (s *slot) dropGroup() {
	s.group.Close()
	s.group = nil
}

func (s *slot) close() {
	s.poll.close()
	unix.Close(s.bell)
	_ = s.group.Remove() // a folder of the kernel's: it goes with the next start at the latest
}

// ring wakes who attends the run.
func (s *slot) ring() {
	_, _ = unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// hush takes the ringing away.
func (s *slot) hush() {
	var b [8]byte
	_, _ = unix.Read(s.bell, b[:])
}

// give takes a slot back. One in which somebody was killed or is stuck, or whose
// group is lost, is not lent again.
func (s *slots) give(back *slot, stuck bool) {
	if back == nil {
		return
	}
	if stuck || back.group.Killed() || (back.group == nil && s.cgroups.Usable()) {
		back.close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, back)
}

// killForeign ends who is in an earlier daemon's groups, and says how many held
// somebody.
func (s *slots) killForeign() int {
	n := 0
	for _, name := range s.cgroups.Names(slotFolder) {
		if strings.HasPrefix(filepath.Base(name), s.prefix) {
			continue
		}
		g, err := s.cgroups.Make(name, Limits{})
		if err != nil {
			continue // gone meanwhile
		}
		if !g.Empty() {
			n++
			_ = g.Destroy() // what hangs in the kernel stays where it is
			continue
		}
		_ = g.Remove()
	}
	return n
}

func (s *slots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, free := range s.free {
		free.close()
	}
	s.free = nil
}
