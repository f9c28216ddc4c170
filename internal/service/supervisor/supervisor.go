// Package supervisor runs the services of packages where no systemd does: in
// containers, under another root, in tests.
//
// Its nouns: the [Supervisor] knows a keeper for each service; a keeper has at
// most one run, from Start to Stop; a run has one process after the other. A
// record on disk tells of each process, so that what outlives a killed daemon
// is found and ended before there is a new one.
//
// Its rules: a process counts as started once its record is written; all that
// is asked of one package is done in turn, and nothing that is asked of one
// package waits for another; who reads a status waits for nobody.
package supervisor

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// Options are what a Supervisor needs to know.
type Options struct {
	Dirs    dirs.Dirs
	Log     *slog.Logger    // nil: tells nobody
	Cgroups *osutil.Cgroups // where trees get groups of their own; nil: found by the root
}

// Supervisor runs services as its own children. It is a [service.Manager].
type Supervisor struct {
	dirs   dirs.Dirs
	log    *slog.Logger
	events service.Events
	turns  service.Turns
	left   *leftovers

	cgroups *osutil.Cgroups
	disown  func() // ends the adoption of orphans

	mu      sync.Mutex          // guards what follows
	keepers map[string]*keeper  // by service.ID
	logs    map[string]*logFile // by service.ID
	closed  bool
}

var _ service.Manager = (*Supervisor)(nil)

// New makes a supervisor and begins to end what outlived the one before it on
// the same root.
func New(o Options) (*Supervisor, error) {
	s := &Supervisor{
		dirs:    o.Dirs,
		log:     o.Log,
		keepers: make(map[string]*keeper),
		logs:    make(map[string]*logFile),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	hideInherited()
	var err error
	if s.disown, err = osutil.Adopt(); err != nil {
		return nil, err
	}
	if s.cgroups = o.Cgroups; s.cgroups == nil {
		s.cgroups = osutil.OpenCgroups(o.Dirs.Root)
	}
	if s.left, err = endLeftovers(o.Dirs, s.log, s.cgroups); err != nil {
		s.cgroups.Close()
		s.disown()
		return nil, err
	}
	return s, nil
}

// hideInherited keeps descriptors that pkgd's own parent left open from the
// services. Go's own are hidden from the start.
func hideInherited() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // before Linux 5.11 they stay open
}

// Kind is [service.Embedded].
func (s *Supervisor) Kind() string { return service.Embedded }

// Ping is nil until Shutdown.
func (s *Supervisor) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return service.ErrClosed
	}
	return nil
}

// Subscribe calls f for every event until cancel.
func (s *Supervisor) Subscribe(f func(service.Event)) (cancel func()) {
	return s.events.Subscribe(f)
}

// Status tells of the services of one package, or of all.
func (s *Supervisor) Status(_ context.Context, pkg string) ([]service.Status, error) {
	var all []service.Status
	for _, k := range s.keepersOf(pkg) {
		all = append(all, k.now())
	}
	slices.SortFunc(all, func(a, b service.Status) int {
		return strings.Compare(service.ID(a.Package, a.Name), service.ID(b.Package, b.Name))
	})
	return all, nil
}

// Enable notes that units start by themselves; nothing else happens, since
// pkgd itself starts them.
func (s *Supervisor) Enable(_ context.Context, units []service.Unit) error {
	for _, u := range units {
		if err := u.Check(); err != nil {
			return err
		}
		u.Enabled = true
		s.keeper(u).know(u)
	}
	return nil
}

// Disable notes that services do not start by themselves.
func (s *Supervisor) Disable(_ context.Context, pkg string, names []string) error {
	for _, k := range s.named(pkg, names) {
		k.disable()
	}
	return nil
}

// keeper gives the keeper of u, a new one for a service not known so far.
func (s *Supervisor) keeper(u service.Unit) *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keepers[u.ID()]
	if k == nil {
		k = newKeeper(s, u, s.logLocked(u.Package, u.Name))
		s.keepers[u.ID()] = k
	}
	return k
}

// keepersOf gives the keepers of a package, of all when pkg is empty.
func (s *Supervisor) keepersOf(pkg string) []*keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*keeper
	for _, k := range s.keepers {
		if pkg == "" || k.pkg == pkg {
			all = append(all, k)
		}
	}
	return all
}

// named gives the keepers of a package's services, of all when names is nil.
func (s *Supervisor) named(pkg string, names []string) []*keeper {
	return slices.DeleteFunc(s.keepersOf(pkg), func(k *keeper) bool {
		return k.pkg != pkg || names != nil && !slices.Contains(names, k.name)
	})
}
