package state_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"pkgd.io/pkgd/overlord/state"
)

func TestAFileOfANewerPkgdIsRefused(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	newer := state.CurrentLevel() + 1
	s, err := state.OpenWith(path, state.Options{}, state.Schema{Level: newer})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	before := mustRead(t, path)
	_, err = state.Open(path, state.Options{})
	var lerr *state.LevelError
	if !errors.As(err, &lerr) || lerr.Level != newer || lerr.Known != state.CurrentLevel() {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "install the newer pkgd again") {
		t.Errorf("got %q", err)
	}
	if string(mustRead(t, path)) != string(before) {
		t.Error("the file was changed")
	}
}

func TestAnOlderFileIsMigratedOnce(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s, err := state.OpenWith(path, state.Options{}, state.Schema{Level: 0})
	if err != nil {
		t.Fatal(err)
	}
	locked(s, func() { s.Set("old-name", 1) })
	s.Close()
	runs := 0
	rename := state.Schema{Level: 1, Migrations: map[int]func(*bolt.Tx) error{0: func(tx *bolt.Tx) error {
		runs++
		b := tx.Bucket([]byte("entities"))
		if err := b.Put([]byte("new-name"), state.Seal("entities", "new-name", []byte("1"))); err != nil {
			return err
		}
		return b.Delete([]byte("old-name"))
	}}}
	for range 2 {
		if s, err = state.OpenWith(path, state.Options{}, rename); err != nil {
			t.Fatal(err)
		}
		locked(s, func() {
			if s.Has("old-name") || !s.Has("new-name") {
				t.Errorf("keys: %v", s.Keys(""))
			}
		})
		s.Close()
	}
	if runs != 1 {
		t.Errorf("migrated %d times", runs)
	}
}

func TestAFailingMigrationChangesNothing(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s, err := state.OpenWith(path, state.Options{}, state.Schema{Level: 0})
	if err != nil {
		t.Fatal(err)
	}
	locked(s, func() { s.Set("name", 1) })
	s.Close()
	broken := state.Schema{Level: 1, Migrations: map[int]func(*bolt.Tx) error{0: func(tx *bolt.Tx) error {
		return errors.Join(tx.Bucket([]byte("entities")).Delete([]byte("name")), errors.New("no"))
	}}}
	_, err = state.OpenWith(path, state.Options{}, broken)
	if err == nil || !strings.HasSuffix(err.Error(), "from format level 0 to 1: no") {
		t.Errorf("got %v", err)
	}
	if _, err = state.OpenWith(path, state.Options{}, state.Schema{Level: 1}); err == nil {
		t.Error("a missing step was taken")
	}
	if s, err = state.OpenWith(path, state.Options{}, state.Schema{Level: 0}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	locked(s, func() {
		if !s.Has("name") {
			t.Error("the failed step left something behind")
		}
	})
}

func TestAFileInUseIsRefused(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	openAt(t, path, state.Options{})
	var busy *state.BusyError
	if _, err := state.Open(path, state.Options{}); !errors.As(err, &busy) {
		t.Errorf("got %v", err)
	}
}

func TestAPathThatCannotBeOpenedIsNotCalledCorrupt(t *testing.T) {
	dir := tempDir(t)
	for _, path := range []string{filepath.Join(dir, "no", "state.db"), dir} {
		_, err := state.Open(path, state.Options{})
		var corrupt *state.CorruptError
		if err == nil || errors.As(err, &corrupt) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// fill makes a file with a little of everything, closed properly or not, with
// its backup, and gives its path.
func fill(t *testing.T, clean bool) (path, backup string) {
	t.Helper()
	dir := tempDir(t)
	path, backup = filepath.Join(dir, "state.db"), filepath.Join(dir, "state.db.backup")
	live := filepath.Join(dir, "live")
	s := openAt(t, live, state.Options{})
	locked(s, func() {
		for i := range 40 {
			c := s.NewChange("k", "s")
			task := s.NewTask("k", strings.Repeat("x", 300))
			c.AddTask(task)
			s.Append("j", i)
		}
		s.Set("name", "good")
		s.SetBlob("b", make([]byte, 20000))
	})
	if clean {
		s.Close()
	}
	copyFile(t, live, path)
	s.Close()
	s = openAt(t, live, state.Options{Backup: backup})
	s.WaitBackup()
	s.Close()
	return path, backup
}

func TestADamagedFileIsToldAndLeftAlone(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":               func([]byte) []byte { return nil },
		"not a database":      func([]byte) []byte { return []byte(strings.Repeat("hello ", 5000)) },
		"both headers broken": func(b []byte) []byte { copy(b[16:], "xxxx"); copy(b[4096+16:], "xxxx"); return b },
		"cut short":           func(b []byte) []byte { return b[:5*4096] },
		"all pages zero":      func(b []byte) []byte { clear(b[2*4096:]); return b },
		"all pages ones": func(b []byte) []byte {
			for i := range b[2*4096:] {
				b[2*4096+i] = 0xff
			}
			return b
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			path, backup := fill(t, true)
			bad := damage(mustRead(t, path))
			mustWrite(t, path, bad)
			_, err := state.Open(path, state.Options{Backup: backup})
			var corrupt *state.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Path != path || !strings.Contains(err.Error(), "pkgd debug recover") {
				t.Fatalf("got %v", err)
			}
			if string(mustRead(t, path)) != string(bad) {
				t.Error("the file was changed")
			}
			recoverAndCheck(t, path, backup, bad)
		})
	}
}

func recoverAndCheck(t *testing.T, path, backup string, bad []byte) {
	t.Helper()
	if _, err := state.Recover(path, backup); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path, state.Options{})
	defer s.Close()
	locked(s, func() {
		var name string
		if s.Get("name", &name); name != "good" || len(s.Changes()) != 40 {
			t.Errorf("recovered %q and %d changes", name, len(s.Changes()))
		}
	})
	if len(entries(t, s, "j")) != 40 {
		t.Error("the journal is gone")
	}
	kept, _ := filepath.Glob(path + ".broken-*")
	if len(kept) != 1 || string(mustRead(t, kept[0])) != string(bad) {
		t.Errorf("the broken file is not beside it: %v", kept)
	}
}

// After an unclean stop each page is looked at: whatever is broken is told, or
// harmless, and never ends the process.
func TestABrokenPageIsFoundAfterAnUncleanStop(t *testing.T) {
	path, _ := fill(t, false)
	good := mustRead(t, path)
	found := 0
	for page := 2; page < len(good)/4096; page++ {
		for _, fillByte := range []byte{0, 0xff} {
			bad := append([]byte{}, good...)
			for i := range 64 {
				bad[page*4096+i] = fillByte
			}
			mustWrite(t, path, bad)
			s, err := state.Open(path, state.Options{})
			var corrupt *state.CorruptError
			switch {
			case err == nil:
				s.Close() // the page was free
			case errors.As(err, &corrupt):
				found++
			default:
				t.Fatalf("page %d: %v", page, err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d broken pages were found", found)
	}
}

// bbolt's own check would follow such a number in a goroutine of its own, where
// the fault ends the process.
func TestAWildPageNumberIsFoundAfterAnUncleanStop(t *testing.T) {
	path, _ := fill(t, false)
	b := mustRead(t, path)
	found := 0
	for page := 2; page < len(b)/4096; page++ {
		const branchFlag, firstPage = 8, 16 + 8 // in a page's header; in its first element
		if binary.LittleEndian.Uint16(b[page*4096+branchFlag:]) != 1 {
			continue
		}
		binary.LittleEndian.PutUint64(b[page*4096+firstPage:], 1<<30) // far outside the mapping
		found++
	}
	mustWrite(t, path, b)
	var corrupt *state.CorruptError
	if _, err := state.Open(path, state.Options{}); found == 0 || !errors.As(err, &corrupt) {
		t.Errorf("%d branches, %v", found, err)
	}
}

func TestTheCheckIsMadeAfterAnUncleanStopOnly(t *testing.T) {
	for _, clean := range []bool{true, false} {
		path, _ := fill(t, clean)
		leak(t, path)
		s, err := state.Open(path, state.Options{})
		if (err == nil) != clean {
			t.Errorf("closed properly %v: %v", clean, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

// leak makes a fault that only a check finds: pages that are neither used nor
// free.
func leak(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	var id int
	db.View(func(tx *bolt.Tx) error {
		for i := 2; ; i++ {
			p, err := tx.Page(i)
			if err != nil || p == nil {
				return err
			}
			if p.Type == "freelist" {
				id = i
			}
		}
	})
	db.Close()
	b := mustRead(t, path)
	if b[id*4096+10] == 0 {
		t.Fatal("the free list is empty")
	}
	b[id*4096+10]-- // its count
	mustWrite(t, path, b)
}

func TestABackupIsMadeAtEachStart(t *testing.T) {
	dir := tempDir(t)
	path, backup := filepath.Join(dir, "state.db"), filepath.Join(dir, "backup")
	for i := range 3 {
		s := openAt(t, path, state.Options{Backup: backup})
		s.WaitBackup()
		locked(s, func() { s.Set("n", i) })
		s.Close()
	}
	b := openAt(t, backup, state.Options{})
	locked(b, func() {
		n := -1
		if b.Get("n", &n); n != 1 {
			t.Errorf("the copy has %d, not what the last start found", n)
		}
	})
	if left, _ := filepath.Glob(dir + "/*.new"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestABackupThatCannotBeMadeIsAWarning(t *testing.T) {
	dir := tempDir(t)
	path, backup := filepath.Join(dir, "state.db"), filepath.Join(dir, "no", "backup")
	for i, want := range []int{1, 1, 0} {
		if i == 2 {
			os.Mkdir(filepath.Dir(backup), 0o700)
		}
		s := openAt(t, path, state.Options{Backup: backup})
		s.WaitBackup()
		locked(s, func() {
			if got := s.Warnings(); len(got) != want {
				t.Errorf("start %d: warnings %v", i, got)
			}
		})
		s.Close()
	}
}

func TestRecoverRefusesABadCopyAndAStateInUse(t *testing.T) {
	path, backup := fill(t, true)
	before := mustRead(t, path)
	s := openAt(t, path, state.Options{})
	if _, err := state.Recover(path, backup); err == nil || !strings.Contains(err.Error(), "stop pkgd first") {
		t.Errorf("in use: %v", err)
	}
	s.Close()
	bad := filepath.Join(tempDir(t), "bad")
	mustWrite(t, bad, []byte(strings.Repeat("hello ", 5000)))
	for _, b := range []string{bad, bad + "-not-there"} {
		if _, err := state.Recover(path, b); err == nil || !strings.HasPrefix(err.Error(), "cannot recover state") {
			t.Errorf("%s: %v", b, err)
		}
	}
	if string(mustRead(t, path)) != string(before) {
		t.Error("the file was changed")
	}
	if kept, _ := filepath.Glob(path + ".broken-*"); kept != nil {
		t.Errorf("left behind: %v", kept)
	}
}

func TestRecoverPutsAFileWhereNoneIs(t *testing.T) {
	path, backup := fill(t, true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Recover(path, backup); err != nil {
		t.Fatal(err)
	}
	openAt(t, path, state.Options{Now: time.Now})
}
