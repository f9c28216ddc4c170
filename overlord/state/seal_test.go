package state_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pkgd.io/pkgd/overlord/state"
)

// little makes a small file with something of every kind, closed properly or
// not.
func little(t *testing.T, clean bool) (path string) {
	t.Helper()
	dir := tempDir(t)
	live := filepath.Join(dir, "live")
	s := openAt(t, live, state.Options{})
	locked(s, func() {
		for i := range 3 {
			c := s.NewChange("refresh", fmt.Sprintf("Refresh %d", i))
			task := s.NewTask("link-package", "Switch")
			c.AddTask(task)
			if i > 0 {
				task.SetStatus(state.DoneStatus)
			}
			s.Append("history/web", i)
		}
		s.Set("package/web", map[string]int{"current": 41})
		s.Warn("web", "pkgd-unwell", "web is not well")
		s.SetBlob("output", []byte("some output"))
	})
	if clean {
		s.Close()
	}
	path = filepath.Join(dir, "state.db")
	copyFile(t, live, path)
	s.Close()
	return path
}

// content is all that a state holds, as text; what it says is damaged is not in
// it.
func content(s *state.State) string {
	var b strings.Builder
	locked(s, func() {
		for _, key := range s.Keys("") {
			var raw json.RawMessage
			_ = s.Get(key, &raw)
			fmt.Fprintf(&b, "%s=%s\n", key, raw)
		}
		for _, c := range s.Changes() {
			fmt.Fprintf(&b, "change %s %s %s %v\n", c.ID(), c.Kind(), c.Summary(), c.Status())
			for _, task := range c.Tasks() {
				fmt.Fprintf(&b, "task %s %s %s %v\n", task.ID(), task.Kind(), task.Summary(), task.Status())
			}
		}
		for _, w := range s.Warnings() {
			fmt.Fprintf(&b, "warning %s %s\n", w.Code, w.Message)
		}
	})
	err := s.Journal("history/web", func(raw json.RawMessage) bool { fmt.Fprintf(&b, "entry %s\n", raw); return true })
	blob, blobErr := s.Blob("output")
	fmt.Fprintf(&b, "%s %v %v", blob, err, blobErr)
	return b.String()
}

// told tells whether a state says itself that something is damaged.
func told(s *state.State) (yes bool) {
	locked(s, func() {
		for _, w := range s.Warnings() {
			yes = yes || w.Code == "state-damaged"
		}
	})
	return yes
}

func TestAFlippedByteIsToldOrHarmless(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed properly %v", clean), func(t *testing.T) {
			path := little(t, clean)
			good := mustRead(t, path)
			s := openAt(t, path, state.Options{})
			want := content(s)
			s.Close()
			refused, said, harmless := 0, 0, 0
			for at := 0; at < len(good); at += 3 {
				if good[at] == 0 && at%2003 != 0 { // room that holds nothing, most of the file
					continue
				}
				bad := append([]byte{}, good...)
				bad[at] ^= 1 << (at % 7)
				mustWrite(t, path, bad)
				s, err := state.Open(path, state.Options{Backup: filepath.Join(filepath.Dir(path), "backup")})
				if err != nil {
					refused++
					continue
				}
				s.WaitBackup()
				switch got := content(s); {
				case told(s):
					said++
				case got == want:
					harmless++
				default:
					t.Fatalf("byte %d of page %d is believed:\n%s\nwant\n%s", at%4096, at/4096, got, want)
				}
				s.Close()
			}
			t.Logf("%d refused, %d told while running, %d harmless", refused, said, harmless)
		})
	}
}

// edit changes a file behind pkgd's back.
func edit(t *testing.T, path string, f func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAValueThatIsStillJSONIsNotBelieved(t *testing.T) {
	path := little(t, true)
	edit(t, path, func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("entities"))
		v := strings.Replace(string(b.Get([]byte("package/web"))), "41", "42", 1)
		return b.Put([]byte("package/web"), []byte(v))
	})
	var corrupt *state.CorruptError
	_, err := state.Open(path, state.Options{})
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), `entities "package/web": its checksum is wrong; "pkgd debug recover"`) {
		t.Errorf("got %v", err)
	}
}

func TestARecordThatIsMissingIsTold(t *testing.T) {
	path := little(t, true)
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("entities")).Delete([]byte("package/web")) })
	if _, err := state.Open(path, state.Options{}); err == nil || !strings.Contains(err.Error(), "entities: a record is missing or too many") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAStartDoesNotReadIsCheckedBesideItAndNotCopied(t *testing.T) {
	path := little(t, true)
	backup := path + ".backup"
	openAt(t, path, state.Options{Backup: backup}).Close()
	s := openAt(t, path, state.Options{Backup: backup})
	s.WaitBackup()
	s.Close()
	good := mustRead(t, backup)
	edit(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("blobs")).Put([]byte("output"), []byte("other output"))
	})
	s = openAt(t, path, state.Options{Backup: backup})
	s.WaitBackup()
	if !told(s) {
		t.Error("the damage is not told")
	}
	if _, err := s.Blob("output"); err == nil {
		t.Error("the damaged value was given")
	}
	if string(mustRead(t, backup)) != string(good) {
		t.Error("the last good copy was replaced")
	}
	s.Close()
	if _, err := state.Recover(path, backup); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, state.Options{Backup: backup})
	s.WaitBackup()
	if b, err := s.Blob("output"); string(b) != "some output" || err != nil || told(s) {
		t.Errorf("recovered: %q %v, damage told: %v", b, err, told(s))
	}
}

func TestADamagedHeaderIsToldAndTheOtherOneKept(t *testing.T) {
	for page := range 2 {
		path := little(t, true)
		backup := path + ".backup"
		s := openAt(t, path, state.Options{Backup: backup})
		s.WaitBackup()
		locked(s, func() { s.Set("since", "the copy") })
		locked(s, func() { s.Set("and", "more") })
		s.Close()
		bad := mustRead(t, path)
		bad[page*4096+20] ^= 1
		mustWrite(t, path, bad)
		if _, err := state.Open(path, state.Options{}); err == nil || !strings.Contains(err.Error(), "one of its two headers is damaged") {
			t.Errorf("header %d: %v", page, err)
		}
		if from, err := state.Recover(path, backup); from != path || err != nil {
			t.Errorf("header %d: recovered %q, %v", page, from, err)
		}
		s = openAt(t, path, state.Options{})
		locked(s, func() {
			if !s.Has("since") || !s.Has("and") {
				t.Errorf("header %d: what was written since the copy is gone", page)
			}
		})
		s.Close()
	}
}

func TestAFileFromBeforeSealsIsTakenOver(t *testing.T) {
	path := little(t, true)
	s := openAt(t, path, state.Options{})
	want := content(s)
	s.Close()
	edit(t, path, unsealAll)
	for range 2 {
		s := openAt(t, path, state.Options{})
		if got := content(s); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		s.Close()
	}
}

func TestAGoodCopyFromBeforeSealsIsRecovered(t *testing.T) {
	path := little(t, true)
	copyFile(t, path, path+".backup")
	edit(t, path+".backup", unsealAll)
	mustWrite(t, path, []byte("not a database"))
	if _, err := state.Recover(path, path+".backup"); err != nil {
		t.Fatal(err)
	}
	openAt(t, path, state.Options{})
}

// unsealAll makes a file of level 1.
func unsealAll(tx *bolt.Tx) error {
	plain := func(bucket, key string) bool {
		return bucket == "meta" && (key == "level" || key == "unclean")
	}
	err := tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		values := map[string][]byte{}
		_ = b.ForEach(func(k, v []byte) error {
			if !plain(string(name), string(k)) {
				values[string(k)] = append([]byte{}, v[:len(v)-4]...)
			}
			return nil
		})
		for k, v := range values {
			if err := b.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	meta := tx.Bucket([]byte("meta"))
	return errors.Join(err, meta.Delete([]byte("sums")), meta.Put([]byte("level"), []byte("1")))
}
