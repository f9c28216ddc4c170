package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/overlord/state"
)

// entries gives a journal of numbers or words, newest first.
func entries(t testing.TB, s *state.State, name string) (out []string) {
	t.Helper()
	err := s.Journal(name, func(raw json.RawMessage) bool {
		out = append(out, string(raw))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAJournalGivesItsEntriesNewestFirst(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	locked(s, func() {
		for i := range 300 { // more than are copied out at a time
			s.Append("a", i)
			s.Append("ab", -i)
		}
	})
	s.Close()
	s = openAt(t, path, state.Options{})
	s.Lock()
	s.Append("a", 300)
	got := entries(t, s, "a") // with the lock, and not yet handed over
	s.Unlock()
	if len(got) != 301 || got[0] != "300" || got[1] != "299" || got[300] != "0" {
		t.Errorf("%d entries: %v", len(got), got)
	}
	n := 0
	s.Journal("ab", func(json.RawMessage) bool { n++; return n < 200 })
	if n != 200 || len(entries(t, s, "none")) != 0 {
		t.Errorf("stopped after %d", n)
	}
}

func TestAJournalCanBeUsedWhileItIsRead(t *testing.T) {
	s := openState(t)
	locked(s, func() { s.Append("a", 1) })
	s.Journal("a", func(json.RawMessage) bool {
		locked(s, func() { s.Append("a", 2) }) // commits: no transaction is open
		return true
	})
	if d := cmp.Diff([]string{"2", "1"}, entries(t, s, "a")); d != "" {
		t.Error(d)
	}
}

// TestJournalsBehaveAsLists compares with slices, over restarts and while the
// disk is full.
func TestJournalsBehaveAsLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d disk
		path := filepath.Join(tempDirOf(t), "state.db")
		open := func() *state.State {
			s, err := state.OpenFaulty(path, state.Options{}, d.commit)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { s.Close() }()
		model := map[string][]string{}
		name := rapid.SampledFrom([]string{"a", "a/b", "b", "ab"})
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				j := name.Draw(t, "journal")
				locked(s, func() {
					for range rapid.IntRange(1, 150).Draw(t, "n") {
						next++
						s.Append(j, next)
						model[j] = slices.Insert(model[j], 0, fmt.Sprint(next))
					}
				})
			},
			"trim": func(t *rapid.T) {
				j, keep := name.Draw(t, "journal"), rapid.IntRange(0, 150).Draw(t, "keep")
				odd := func(raw json.RawMessage) bool { return (raw[len(raw)-1]-'0')%2 == 1 }
				locked(s, func() { s.TrimJournal(j, keep, odd) })
				model[j] = slices.DeleteFunc(model[j][:min(keep, len(model[j]))], func(e string) bool { return odd([]byte(e)) })
			},
			"drop": func(t *rapid.T) {
				j := name.Draw(t, "journal")
				locked(s, func() { s.DropJournal(j) })
				model[j] = nil
			},
			"full":  func(*rapid.T) { d.fail(syscall.ENOSPC) },
			"space": func(*rapid.T) { d.heal() },
			"restart": func(t *rapid.T) {
				d.heal()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"": func(t *rapid.T) {
				for _, j := range []string{"a", "a/b", "b", "ab"} {
					var got []string
					s.Journal(j, func(raw json.RawMessage) bool { got = append(got, string(raw)); return true })
					if d := cmp.Diff(model[j], got); d != "" && len(model[j])+len(got) > 0 {
						t.Fatalf("journal %s: %s", j, d)
					}
				}
			},
		})
	})
}

func TestBlobsAreKeptOnDisk(t *testing.T) {
	var d disk
	s, path := openOn(t, &d)
	locked(s, func() {
		s.SetBlob("out/web", []byte("first"))
		s.SetBlob("empty", []byte{})
		s.SetBlob("gone", []byte("x"))
	})
	d.fail(syscall.ENOSPC)
	locked(s, func() { s.SetBlob("out/web", []byte("second")); s.SetBlob("gone", nil) })
	for range 2 {
		if b, err := s.Blob("out/web"); err != nil || string(b) != "second" {
			t.Errorf("%q, %v", b, err)
		}
		if b, err := s.Blob("empty"); err != nil || len(b) != 0 {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := s.Blob("gone"); !errors.Is(err, state.ErrNoState) {
			t.Error(err)
		}
		d.heal()
		s.Close()
		s = openAt(t, path, state.Options{})
	}
}
