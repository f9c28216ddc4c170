package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// load reads what is held in memory: all but journals, blobs and the tasks and
// data of ready changes, so that old work costs a start nothing but its headlines.
func (s *State) load() error {
	return s.store.view(func(tx *bolt.Tx) error {
		var err error
		if s.lastEntry, err = lastEntry(tx); err != nil {
			return err
		}
		for bucket, f := range map[string]func(k, v []byte) error{
			metaBucket: s.loadCounters, entityBucket: s.loadEntity, warningBucket: s.loadWarning, changeBucket: s.loadChange,
		} {
			if err := eachSealed(tx, bucket, f); err != nil {
				return err
			}
		}
		return s.loadOpenTasks(tx)
	})
}

func (s *State) loadCounters(k, v []byte) error {
	if string(k) != s.counters.slot().key {
		return nil
	}
	return json.Unmarshal(v, s.counters)
}

func (s *State) loadEntity(k, v []byte) error {
	s.entities[string(k)] = &entity{string(k), bytes.Clone(v)}
	return nil
}

func (s *State) loadWarning(_, v []byte) error {
	w := &Warning{}
	if err := json.Unmarshal(v, w); err != nil {
		return err
	}
	s.warnings[w.ID] = w
	return nil
}

func (s *State) loadChange(_, v []byte) error {
	rec, whole, err := readHeadline(v)
	if err != nil {
		return err
	}
	c := newChange(s, rec)
	c.unread = !whole
	s.changes[rec.ID] = c
	if rec.Ready.IsZero() {
		s.open[rec.ID] = c
		return nil
	}
	c.shown = rec.Final
	close(c.ready)
	if !rec.Clean {
		s.unclean[rec.ID] = c
	}
	return nil
}

// dataMark is where a change's data begin. Nothing before them has a field of that
// name, and within a text its quotes would be escaped.
var dataMark = []byte(`,"data":{`)

// readHeadline reads a change, without its data where it is ready and they come
// last: in a file of an earlier pkgd they do not.
func readHeadline(v []byte) (rec changeRecord, whole bool, err error) {
	if at := bytes.Index(v, dataMark); at >= 0 {
		head := append(bytes.Clone(v[:at]), '}')
		if json.Unmarshal(head, &rec) == nil && !rec.Ready.IsZero() {
			return rec, false, nil
		}
	}
	rec = changeRecord{}
	return rec, true, json.Unmarshal(v, &rec)
}

// readData reads the data that readHeadline left out. Without them, where the file
// is damaged, the change is as if it had none; that it is damaged is told.
func (c *Change) readData() {
	if !c.unread {
		return
	}
	c.unread = false
	raw, err := c.st.store.get(c.slot())
	if errors.Is(err, errSeal) {
		c.st.warnDamaged(err)
	}
	var rec changeRecord
	if err == nil && json.Unmarshal(raw, &rec) == nil {
		c.rec.Data = rec.Data
	}
}

func (s *State) loadOpenTasks(tx *bolt.Tx) error {
	for _, c := range s.open {
		for _, id := range c.rec.Tasks {
			raw, err := getSealed(tx, slot{taskBucket, idKey(id)})
			if err != nil {
				return err
			}
			t, err := s.decodeTask(raw)
			if err != nil {
				return fmt.Errorf("task %s: %w", id, err)
			}
			c.counts[t.rec.Status]++
		}
		c.shown = c.status()
	}
	return nil
}

func (s *State) decodeTask(raw []byte) (*Task, error) {
	var rec taskRecord
	if err := json.Unmarshal(raw, &rec); err != nil {
		return nil, err
	}
	t := newTask(s, rec)
	s.tasks[rec.ID] = t
	return t, nil
}

// loadTask reads a task of a ready change. One that cannot be read, or whose
// change is gone, is not there; that the file is damaged is told.
func (s *State) loadTask(id string) *Task {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return nil
	}
	raw, err := s.store.get(slot{taskBucket, idKey(id)})
	if errors.Is(err, errSeal) {
		s.warnDamaged(err)
	}
	if err != nil || raw == nil {
		return nil
	}
	t, err := s.decodeTask(raw)
	if err != nil || s.changes[t.rec.Change] == nil {
		delete(s.tasks, id)
		return nil
	}
	return t
}
