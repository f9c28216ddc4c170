package state_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pkgd.io/pkgd/overlord/state"
)

// FuzzRecord puts any value, rightly sealed, under any key: a state of another
// pkgd, or of a bug. It is refused in a line, or opens, is read whole and opens
// again with the same in it.
func FuzzRecord(f *testing.F) {
	f.Add(uint8(1), []byte("package/web"), []byte(`{"current":41}`))
	f.Add(uint8(2), []byte("\x00\x00\x00\x00\x00\x00\x00\x01"), []byte(`{"id":"1","kind":"refresh","tasks":["9","1"]}`))
	f.Add(uint8(3), []byte("\x00\x00\x00\x00\x00\x00\x00\x02"), []byte(`{"id":"2","change":"1","status":99,"lanes":[-1],"wait":["2"]}`))
	f.Add(uint8(4), []byte("web/pkgd-unwell"), []byte(`{"times":-1}`))
	f.Add(uint8(5), []byte("history/web"), []byte(`[]`))
	f.Add(uint8(0), []byte("header"), []byte(`{"next-change":-5}`))
	f.Fuzz(func(t *testing.T, bucket uint8, key, value []byte) {
		if len(key) == 0 || len(key) > bolt.MaxKeySize {
			return
		}
		path := filepath.Join(tempDir(t), "state.db")
		mustWrite(t, path, littleBytes(t))
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true})
		if err != nil {
			t.Fatal(err)
		}
		buckets := state.Buckets()
		err = errors.Join(state.Plant(db, buckets[int(bucket)%len(buckets)], string(key), value), db.Close())
		if err != nil {
			t.Fatal(err)
		}
		s, err := state.Open(path, state.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		first := content(s)
		s.Close()
		if s, err = state.Open(path, state.Options{}); err != nil {
			t.Fatalf("opened once and no more: %v", err)
		}
		if again := content(s); again != first {
			t.Errorf("was\n%s\nis\n%s", first, again)
		}
		s.Close()
	})
}

var littleFile []byte

// littleBytes is a small file with something of every kind.
func littleBytes(t *testing.T) []byte {
	if littleFile == nil {
		littleFile = mustRead(t, little(t, true))
	}
	return littleFile
}
