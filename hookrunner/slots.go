package hookrunner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"pkgd.io/pkgd/internal/osutil"
)

// slotFolder holds a cgroup for each run that is under way at once.
const slotFolder = "hooks"

// slots lends cgroups to runs. A run leaves its group empty, so the next one can
// have it: making and removing a group for each would cost more than the run.
type slots struct {
	cgroups *osutil.Cgroups
	prefix  string // tells this daemon's groups from an earlier one's

	mu   sync.Mutex // guards what follows
	free []*osutil.Cgroup
	made int
}

func newSlots(c *osutil.Cgroups) *slots {
	return &slots{cgroups: c, prefix: strconv.Itoa(os.Getpid()) + "-"}
}

// take gives an empty group with limits l, or nil where there are none.
func (s *slots) take(l Limits) (*osutil.Cgroup, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		g := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return g, g.SetLimits(l)
	}
	s.made++
	name := s.prefix + strconv.Itoa(s.made)
	s.mu.Unlock()
	return s.cgroups.Make(filepath.Join(slotFolder, name), l)
}

// give takes a group back. One that somebody is stuck in is not lent again.
func (s *slots) give(g *osutil.Cgroup, stuck bool) {
	if g == nil {
		return
	}
	if stuck {
		g.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, g)
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
	for _, g := range s.free {
		_ = g.Remove() // a folder of the kernel's: it goes with the next start at the latest
	}
	s.free = nil
}
