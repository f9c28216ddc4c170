package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// journalChunk is how many entries are copied out of the file at a time.
const journalChunk = 128

// journalPrefix starts the keys of one journal; a number that grows over all
// journals follows.
func journalPrefix(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		panic(fmt.Sprintf("internal error: journal name %q has a control character", name))
	}
	return name + "\x00"
}

func journalKey(name string, n uint64) string {
	return journalPrefix(name) + string(binary.BigEndian.AppendUint64(nil, n))
}

// Append adds v to the end of a journal, which lives on disk only, in the same
// commit as what else changes under this lock.
func (s *State) Append(journal string, v any) {
	s.mustHold()
	s.lastEntry++
	s.commit.stage(slot{journalBucket, journalKey(journal, s.lastEntry)}, encode("entry of journal "+journal, v))
}

// Journal calls f with a journal's entries, newest first and also those not
// yet on disk, until f returns false. It needs no lock, and holds no
// transaction while f runs.
func (s *State) Journal(name string, f func(raw json.RawMessage) bool) error {
	return s.eachEntry(name, func(_ string, raw []byte) bool { return f(raw) })
}

// TrimJournal deletes all but the newest keep entries, and of these the ones
// for which drop (may be nil) returns true.
func (s *State) TrimJournal(name string, keep int, drop func(raw json.RawMessage) bool) {
	s.mustHold()
	n := 0
	// What cannot be read cannot be trimmed: the next trim tries again.
	_ = s.eachEntry(name, func(key string, raw []byte) bool {
		if n++; n > keep || drop != nil && drop(raw) {
			s.commit.stage(slot{journalBucket, key}, nil)
		}
		return true
	})
}

// DropJournal deletes a journal.
func (s *State) DropJournal(name string) { s.TrimJournal(name, 0, nil) }

// eachEntry merges what is on disk with what is on its way there.
func (s *State) eachEntry(name string, f func(key string, raw []byte) bool) error {
	prefix := journalPrefix(name)
	// First what is unwritten, then the disk: what is committed in between is
	// seen twice, under one key, and not missed.
	fresh := s.commit.unwritten(journalBucket, prefix)
	keys := slices.Sorted(maps.Keys(fresh))
	slices.Reverse(keys)
	give := func(key string, raw []byte) bool { return raw == nil || f(key, raw) }
	freshDownTo := func(bound string) bool {
		for len(keys) > 0 && keys[0] >= bound {
			key := keys[0]
			keys = keys[1:]
			if !give(key, fresh[key]) {
				return false
			}
		}
		return true
	}
	below := prefix + "\xff\xff\xff\xff\xff\xff\xff\xff"
	for {
		chunk, err := s.store.entriesBelow(prefix, below)
		if err != nil {
			return fmt.Errorf("cannot read journal %q: %w", name, err)
		}
		for _, e := range chunk {
			if !freshDownTo(e.key) {
				return nil
			}
			if _, seen := fresh[e.key]; !seen && !give(e.key, e.raw) {
				return nil
			}
			below = e.key
		}
		if len(chunk) < journalChunk {
			freshDownTo(prefix)
			return nil
		}
	}
}

type journalEntry struct {
	key string
	raw []byte
}

// entriesBelow copies out the next entries of a journal, newest first.
func (st *store) entriesBelow(prefix, below string) (out []journalEntry, err error) {
	err = st.view(func(tx *bolt.Tx) error {
		var errs []error
		c := tx.Bucket([]byte(journalBucket)).Cursor()
		k, v := c.Seek([]byte(below))
		if k == nil {
			k, v = c.Last()
		}
		for ; k != nil && len(out) < journalChunk && string(k) >= prefix; k, v = c.Prev() {
			if string(k) < below && bytes.HasPrefix(k, []byte(prefix)) {
				raw, err := unseal(slot{journalBucket, string(k)}, v)
				out, errs = append(out, journalEntry{string(k), bytes.Clone(raw)}), append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
	return out, err
}

// entryNumber is the number in an entry's key: what follows the journal's name and
// a zero byte. A key that is damaged must not send the search in circles.
func entryNumber(k []byte) (uint64, error) {
	if len(k) < 9 || k[len(k)-9] != 0 {
		return 0, fmt.Errorf("%s %q: its key is damaged", journalBucket, k)
	}
	return binary.BigEndian.Uint64(k[len(k)-8:]), nil
}

// lastEntry finds the highest number of all journals, one seek a journal.
func lastEntry(tx *bolt.Tx) (last uint64, err error) {
	c := tx.Bucket([]byte(journalBucket)).Cursor()
	for k, _ := c.First(); k != nil; {
		if _, err := entryNumber(k); err != nil {
			return 0, err
		}
		name := k[:len(k)-8]
		next := append(bytes.Clone(name[:len(name)-1]), 1)
		var end []byte
		if after, _ := c.Seek(next); after == nil {
			end, _ = c.Last()
		} else {
			end, _ = c.Prev()
		}
		n, err := entryNumber(end)
		if err != nil {
			return 0, err
		}
		last = max(last, n)
		k, _ = c.Seek(next)
	}
	return last, nil
}

// SetBlob keeps b on disk only, under key; nil deletes.
func (s *State) SetBlob(key string, b []byte) {
	s.mustHold()
	if b != nil {
		b = append([]byte{}, b...) // empty is not absent
	}
	s.commit.stage(slot{blobBucket, key}, b)
}

// Blob gives what was set under key, also when it is not yet on disk, or
// ErrNoState. It needs no lock.
func (s *State) Blob(key string) ([]byte, error) {
	b, fresh := s.commit.unwritten(blobBucket, key)[key]
	if !fresh {
		var err error
		if b, err = s.store.get(slot{blobBucket, key}); err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", key, err)
		}
	}
	if b == nil {
		return nil, ErrNoState
	}
	return bytes.Clone(b), nil
}
