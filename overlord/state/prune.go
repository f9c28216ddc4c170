package state

import (
	"slices"
	"time"
)

// Prune forgets changes that have been ready for longer than maxAge, and the
// oldest of more than maxReady; with them their tasks. Entities and journals
// are not its business. Warnings that have faded go too.
func (s *State) Prune(maxAge time.Duration, maxReady int) {
	s.mustHold()
	s.fadeWarnings()
	var ready []*Change
	for _, c := range s.changes {
		if !c.rec.Ready.IsZero() {
			ready = append(ready, c)
		}
	}
	slices.SortFunc(ready, func(a, b *Change) int { return a.rec.Ready.Compare(b.rec.Ready) })
	before := s.now().Add(-maxAge)
	for i, c := range ready {
		if c.rec.Ready.Before(before) || len(ready)-i > maxReady {
			s.forget(c)
		}
	}
	s.forgetStrays(before)
}

func (s *State) forget(c *Change) {
	for _, id := range c.rec.Tasks {
		t := s.tasks[id]
		if t == nil { // never asked for since the start
			t = newTask(s, taskRecord{ID: id})
		}
		delete(s.tasks, id)
		s.touch(t)
	}
	delete(s.changes, c.rec.ID)
	delete(s.unclean, c.rec.ID)
	s.touch(c)
}

// forgetStrays drops tasks that never became part of a change.
func (s *State) forgetStrays(before time.Time) {
	for id, t := range s.tasks {
		if t.rec.Change == "" && t.rec.Spawned.Before(before) {
			delete(s.tasks, id)
		}
	}
}
