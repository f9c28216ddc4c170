package state_test

import (
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/overlord/state"
)

type record struct {
	Name  string
	Since time.Time
	Parts map[string]any
}

func TestEntitiesSurviveARestart(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	in := record{"web", time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC), map[string]any{"a": "b"}}
	locked(s, func() {
		s.Set("package/web", in)
		s.Set("package/db", 1)
		s.Set("health/web", true)
		s.Set("package/db", nil)
	})
	s.Close()
	s = openAt(t, path, state.Options{})
	s.Lock()
	defer s.Unlock()
	var out record
	if err := s.Get("package/web", &out); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"package/web"}, s.Keys("package/")); d != "" {
		t.Error(d)
	}
	if err := s.Get("package/db", &out); !errors.Is(err, state.ErrNoState) || s.Has("package/db") || !s.Has("health/web") {
		t.Errorf("deleted entry gave %v", err)
	}
}

func TestUnlockWritesOnlyWhenSomethingChanged(t *testing.T) {
	s := openState(t)
	var task *state.Task
	for _, step := range []struct {
		name    string
		commits uint64
		f       func()
	}{
		{"nothing", 0, func() {}},
		{"an entry", 1, func() { s.Set("a", 1) }},
		{"the same entry", 0, func() { s.Set("a", 1) }},
		{"deleting what is not there", 0, func() { s.Set("b", nil) }},
		{"many things", 1, func() {
			c := s.NewChange("k", "s")
			task = s.NewTask("k", "s")
			task.WaitFor(s.NewTask("k", "s"))
			c.AddTask(task)
			s.Append("j", 1)
			s.SetBlob("b", []byte("x"))
			s.Warn("web", "code", "message")
		}},
		{"a task nobody added", 0, func() { s.NewTask("k", "s").Set("a", 1) }},
		{"the same value on a task", 0, func() { task.Set("a", nil) }},
		{"progress", 0, func() { task.SetProgress("copy", 1, 2) }},
		{"log and time", 0, func() { task.Logf("hello"); task.At(time.Time{}) }},
		{"a lazy entry", 0, func() { s.SetLazy("c", 1) }},
		{"the same status", 0, func() { task.SetStatus(state.DoStatus) }},
		{"a warning that repeats", 0, func() { s.Warn("web", "code", "message") }},
	} {
		before := s.Commits()
		locked(s, step.f)
		if got := s.Commits() - before; got != step.commits {
			t.Errorf("%s took %d commits, want %d", step.name, got, step.commits)
		}
	}
}

func TestLazyEntriesReachTheDiskWithTheNextCommitOrAtClose(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	down := false
	s, err := state.OpenFaulty(path, state.Options{}, func(commit func() error) error {
		if down {
			return errors.New("off")
		}
		return commit()
	})
	if err != nil {
		t.Fatal(err)
	}
	locked(s, func() { s.SetLazy("with-commit", 1); s.SetLazy("made-real", 1) })
	locked(s, func() { s.Set("made-real", 1) })
	if s.Commits() != 1 {
		t.Errorf("making a lazy entry real took %d commits, want 1", s.Commits())
	}
	down = true
	locked(s, func() { s.SetLazy("lost", 1) })
	if s.Close() == nil {
		t.Error("Close hid that it could not write")
	}
	s = openAt(t, path, state.Options{})
	locked(s, func() {
		if d := cmp.Diff([]string{"made-real", "with-commit"}, s.Keys("")); d != "" {
			t.Error(d)
		}
		s.SetLazy("at-close", 1)
	})
	s.Close()
	s = openAt(t, path, state.Options{})
	locked(s, func() {
		if !s.Has("at-close") {
			t.Error("a lazy entry did not survive Close")
		}
	})
}

func TestCloseWithoutChangesWritesNothing(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	openAt(t, path, state.Options{}).Close()
	s := openAt(t, path, state.Options{})
	locked(s, func() {})
	s.Close()
	if n := s.Commits(); n != 0 {
		t.Errorf("%d commits", n)
	}
}

type (
	hidden struct{ name string }
	oneWay struct{ n int }
	opted  struct {
		Name  string
		Cache int `json:"-"`
	}
	holder  struct{ Inner hidden }
	shadows struct{ A any }
)

func (o oneWay) MarshalJSON() ([]byte, error) { return json.Marshal(o.n) }
func (*oneWay) UnmarshalJSON([]byte) error    { return nil }

func TestWhatWouldNotSurviveARestartPanics(t *testing.T) {
	s := openState(t)
	s.Lock()
	defer s.Unlock()
	for name, v := range map[string]any{
		"unexported field":        hidden{"x"},
		"nested unexported field": []holder{{hidden{"x"}}},
		"channel":                 make(chan int),
		"not a number":            math.NaN(),
		"one way only":            oneWay{1},
		"interface with methods":  struct{ E error }{errors.New("x")},
		"large number in any":     shadows{int64(1<<53 + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "internal error: ") {
					t.Errorf("recovered %q", r)
				}
			}()
			s.Set("key", v)
		})
	}
}

func TestWhatSurvivesARestartIsAccepted(t *testing.T) {
	s := openState(t)
	s.Lock()
	defer s.Unlock()
	n := 5
	for name, v := range map[string]any{
		"time with monotonic part": time.Now(),
		"nil slice":                struct{ A []string }{},
		"empty slice":              struct{ A []string }{[]string{}},
		"pointer":                  &n,
		"nil in pointer":           struct{ P *int }{},
		"raw":                      json.RawMessage(`{"b": "<",  "a":[1, 2]}`),
		"int in any":               map[string]any{"a": 1, "b": shadows{A: 2}},
		"left out on purpose":      opted{"x", 1},
		"text that is not UTF-8":   "a\xffb",
		"zero unexported":          hidden{},
		"bytes":                    []byte{0, 1, 255},
		"array of statuses":        [2]state.Status{state.DoStatus, state.WaitStatus},
	} {
		t.Run(name, func(*testing.T) { s.Set("key", v) })
	}
}

func TestUseWithoutTheLockPanics(t *testing.T) {
	s := openState(t)
	defer func() {
		if r := recover(); r != "internal error: state used without its lock" {
			t.Errorf("recovered %v", r)
		}
	}()
	s.Set("a", 1)
}

func TestIDsAreNotUsedAgainAfterPruningAndRestart(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{})
	locked(s, func() {
		c := s.NewChange("k", "s")
		task := s.NewTask("k", "s")
		task.JoinLane(s.NewLane())
		c.AddTask(task)
		task.SetStatus(state.DoneStatus)
	})
	locked(s, func() { s.Prune(time.Hour, 0) })
	s.Close()
	s = openAt(t, path, state.Options{})
	locked(s, func() {
		if got := []string{s.NewChange("k", "s").ID(), s.NewTask("k", "s").ID()}; got[0] != "2" || got[1] != "2" || s.NewLane() != 2 {
			t.Errorf("change and task ids %v", got)
		}
	})
}
