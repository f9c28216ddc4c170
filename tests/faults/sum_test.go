package faults

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"pkgd.io/pkgd/tests/world"
)

// sumOf is over all names below dir, with what they are and hold. Of the state
// it is over the records, where bbolt finds it in order: what it holds besides
// are pages that nothing leads to.
func sumOf(t *testing.T, w *world.World, dir string) (sum [sha256.Size]byte) {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == w.Dirs.State() && addRecords(h, path) == nil {
			return addAbout(h, path)
		}
		return add(h, path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// addAbout adds what something is.
func addAbout(h io.Writer, path string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st := fi.Sys().(*syscall.Stat_t)
	_, err = fmt.Fprintln(h, path, fi.Mode(), st.Uid, st.Gid)
	return err
}

// add adds what something is and what it holds.
func add(h io.Writer, path string) error {
	if err := addAbout(h, path); err != nil {
		return err
	}
	if to, err := os.Readlink(path); err == nil {
		fmt.Fprintln(h, to)
		return nil
	}
	if fi, err := os.Lstat(path); err != nil || !fi.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(h, f)
	fmt.Fprintln(h, n)
	return err
}

// addRecords adds the records of a state, or nothing where it is damaged.
func addRecords(h io.Writer, path string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	db, err := bolt.Open(path, 0, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	defer db.Close()
	records := sha256.New()
	err = db.View(func(tx *bolt.Tx) error {
		for damage := range tx.Check() {
			err = damage
		}
		if err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error { return addBucket(records, name, b) })
	})
	if err == nil {
		_, err = h.Write(records.Sum(nil))
	}
	return err
}

func addBucket(h hash.Hash, name []byte, b *bolt.Bucket) error {
	fmt.Fprintf(h, "%q: %d\n", name, b.Sequence())
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return addBucket(h, k, b.Bucket(k))
		}
		_, err := fmt.Fprintf(h, "%q = %q\n", k, v)
		return err
	})
}
