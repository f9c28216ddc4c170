package state

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// entity is one value of the rooms above, in memory and under a key of its own
// on disk.
type entity struct {
	key string
	raw json.RawMessage // nil: deleted
}

func (e *entity) slot() slot     { return slot{entityBucket, e.key} }
func (e *entity) encode() []byte { return e.raw }

// Get reads the value kept under key into v, or returns ErrNoState.
func (s *State) Get(key string, v any) error {
	s.mustHold()
	e := s.entities[key]
	if e == nil || e.raw == nil {
		return ErrNoState
	}
	return json.Unmarshal(e.raw, v)
}

// Has tells whether something is kept under key.
func (s *State) Has(key string) bool {
	s.mustHold()
	e := s.entities[key]
	return e != nil && e.raw != nil
}

// Set keeps v under key; nil deletes. What equals the present value changes
// nothing and so costs no commit. A v that JSON would not give back panics.
func (s *State) Set(key string, v any) {
	e, changed := s.put(key, v)
	if changed || s.lazy[e.slot()] != nil {
		s.touch(e)
	}
}

// SetLazy is Set for what may be forgotten in a crash (counters, the time of
// the last look): it reaches the disk with the next real commit or at Close.
func (s *State) SetLazy(key string, v any) {
	if e, changed := s.put(key, v); changed {
		s.touchLazily(e)
	}
}

// put changes the value in memory and tells whether it is another one.
func (s *State) put(key string, v any) (e *entity, changed bool) {
	s.mustHold()
	var raw json.RawMessage
	if v != nil {
		raw = encode("state entry "+key, v)
	}
	e = s.entities[key]
	if e == nil {
		e = &entity{key: key}
	}
	if bytes.Equal(e.raw, raw) {
		return e, false
	}
	e.raw = raw
	s.entities[key] = e
	return e, true
}

// Keys gives the keys that start with prefix, sorted.
func (s *State) Keys(prefix string) []string {
	s.mustHold()
	var keys []string
	for key, e := range s.entities {
		if e.raw != nil && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
