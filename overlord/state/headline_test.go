package state_test

import (
	"path/filepath"
	"testing"

	"pkgd.io/pkgd/overlord/state"
)

func TestTheDataOfReadyChangesAreReadWhenTheyAreAskedFor(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	locked(s, func() {
		for _, summary := range []string{"open", `ready, and says ,"data":{ itself`} {
			chg := s.NewChange("k", summary)
			chg.Set("story", "of "+summary)
			if summary == "open" {
				chg.AddTask(s.NewTask("k", "s"))
			}
		}
	})
	s.Close()
	for range 2 { // the second time after one was written again
		s = openAt(t, path, state.Options{})
		locked(s, func() {
			for _, chg := range s.Changes() {
				var story string
				if err := chg.Get("story", &story); err != nil || story != "of "+chg.Summary() || chg.Has("other") {
					t.Errorf("%s: %q %v", chg.Summary(), story, err)
				}
				chg.Set("more", "and more")
			}
			if open := s.OpenChanges(); len(open) != 1 || open[0].Summary() != "open" {
				t.Errorf("open are %v", open)
			}
		})
		s.Close()
	}
}

func TestOnlyReadyChangesWhoseDataComeLastAreReadInPart(t *testing.T) {
	for record, want := range map[string]bool{
		`{"id":"1","tasks":[],"ready":"2026-01-02T03:04:05Z","data":{"a":1}}`: true,
		`{"id":"1","tasks":[],"data":{"a":1}}`:                                false, // not ready
		`{"id":"1","data":{"a":1},"tasks":[],"ready":"2026-01-02T03:04:05Z"}`: false, // as it once was written
		`{"id":"1","tasks":[],"ready":"2026-01-02T03:04:05Z"}`:                false, // has none
	} {
		if got, err := state.HeadlineOnly(record); got != want || err != nil {
			t.Errorf("%s: %v, %v", record, got, err)
		}
	}
}
