package state_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/overlord/state"
)

const day = 24 * time.Hour

func TestPruneForgetsOldAndManyReadyChanges(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	o := state.Options{Now: func() time.Time { return now }}
	s := openAt(t, path, o)
	locked(s, func() {
		s.Set("package/web", 1)
		s.Append("health/web", 1)
	})
	ready := func(n int) {
		for range n {
			locked(s, func() {
				c := s.NewChange("k", "s")
				task := s.NewTask("k", "s")
				c.AddTask(task)
				task.SetStatus(state.DoneStatus)
			})
			now = now.Add(time.Second)
		}
	}
	ready(2) // 1, 2: will be too old
	locked(s, func() { s.NewChange("k", "never ready").AddTask(s.NewTask("k", "s")) })
	now = now.Add(5 * day)
	ready(3) // 4, 5, 6: 4 will be one too many
	s.Close()
	s = openAt(t, path, o)
	now = now.Add(3 * day)
	ready(2) // 7, 8
	ids := func() (out []string) {
		locked(s, func() {
			for _, c := range s.Changes() {
				out = append(out, c.ID())
			}
			for i := range 9 {
				if task := s.Task(fmt.Sprint(i)); task != nil {
					out = append(out, "t"+task.ID())
				}
			}
		})
		return out
	}
	locked(s, func() { s.Prune(7*day, 4) })
	want := []string{"3", "5", "6", "7", "8", "t3", "t5", "t6", "t7", "t8"}
	if d := cmp.Diff(want, ids()); d != "" {
		t.Error(d)
	}
	s.Close()
	s = openAt(t, path, o)
	if d := cmp.Diff(want, ids()); d != "" {
		t.Errorf("after a restart: %s", d)
	}
	locked(s, func() {
		if !s.Has("package/web") {
			t.Error("an entity went with the changes")
		}
	})
	if len(entries(t, s, "health/web")) != 1 {
		t.Error("a journal went with the changes")
	}
	before := s.Commits()
	locked(s, func() { s.Prune(7*day, 4) })
	if s.Commits() != before {
		t.Error("pruning nothing wrote something")
	}
}

func TestPruneForgetsTasksOfNoChange(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := openAt(t, filepath.Join(tempDir(t), "state.db"), state.Options{Now: func() time.Time { return now }})
	s.Lock()
	defer s.Unlock()
	id := s.NewTask("k", "s").ID()
	s.Prune(day, 0)
	if s.Task(id) == nil {
		t.Error("a young one went")
	}
	now = now.Add(2 * day)
	s.Prune(day, 0)
	if s.Task(id) != nil {
		t.Error("an old one stayed")
	}
}

func TestWarningsRepeatFadeAndGo(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	o := state.Options{Now: func() time.Time { return now }}
	s := openAt(t, path, o)
	check := func(what string, want ...string) {
		t.Helper()
		for _, life := range []string{"now", "after a restart"} {
			var got []string
			locked(s, func() {
				for _, w := range s.Warnings() {
					got = append(got, fmt.Sprintf("%s %s %d", w.Subject, w.Code, w.Count))
				}
			})
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s, %s: %s", what, life, d)
			}
			s.Close()
			s = openAt(t, path, o)
		}
	}
	warn := func(subject, code string) { locked(s, func() { s.Warn(subject, code, "about "+subject) }) }
	okay := func(until time.Time) (n int) {
		locked(s, func() { n = s.OkayWarnings(until) })
		return n
	}

	warn("web", "reverted")
	now = now.Add(time.Hour)
	warn("db", "unwell")
	warn("db", "unwell")
	check("two, one of them twice", "web reverted 1", "db unwell 2")
	if n := okay(now.Add(-time.Minute)); n != 1 {
		t.Errorf("dismissed %d", n)
	}
	check("the first was dismissed", "db unwell 2")
	now = now.Add(23 * time.Hour)
	warn("web", "reverted")
	check("it stays so for a day", "db unwell 2")
	now = now.Add(time.Hour)
	warn("web", "reverted")
	check("then it is back", "web reverted 3", "db unwell 2")
	locked(s, func() { s.Warn("web", "reverted", "another message") })
	if okay(now); len(warnings(s)) != 0 {
		t.Error("some were not dismissed")
	}
	locked(s, func() { s.DropWarnings("web", "reverted", "other"); s.DropWarnings("db", "other") })
	warn("web", "reverted")
	check("a dropped one begins anew", "web reverted 1")
	now = now.Add(28*day + time.Second)
	check("all have faded")
	locked(s, func() { s.Prune(day, 0); s.Warn("web", "a", ""); s.Warn("web", "b", ""); s.Warn("db", "a", "") })
	locked(s, func() { s.DropWarnings("web") })
	check("all of a subject go", "db a 1")
}

func warnings(s *state.State) (out []state.Warning) {
	locked(s, func() { out = s.Warnings() })
	return out
}

func TestWarningsAreBounded(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	locked(s, func() {
		for i := range 600 {
			s.Warn("web", "code", fmt.Sprint(i))
		}
	})
	s.Close()
	s = openAt(t, path, state.Options{})
	got := warnings(s)
	seen := map[string]bool{}
	for _, w := range got {
		seen[w.Message] = true
	}
	if len(got) != 500 || !seen["599"] || seen["0"] {
		t.Errorf("%d warnings", len(got))
	}
}
