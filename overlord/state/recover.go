package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Recover puts the good copy at backup in the place of the state file at path,
// which stays beside it as PATH.broken-TIME. Where only one of that file's two
// headers is damaged, the other one leads to more than the copy has, and is kept.
// It gives the path of what is the state now, and refuses a copy that is not good
// and a state that is in use.
func Recover(path, backup string) (from string, err error) {
	if from, err = recoverFile(path, backup); err != nil {
		return "", fmt.Errorf("cannot recover state %q from %q: %w", path, backup, err)
	}
	return from, nil
}

func recoverFile(path, backup string) (from string, err error) {
	if from, err = bestCopy(path, backup); err != nil {
		return "", err
	}
	unlock, err := lockBroken(path)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := keepBroken(path); err != nil {
		return "", err
	}
	err = replaceFile(path, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err == nil && from == path {
		err = rewriteHeaders(path)
	}
	return from, err
}

// bestCopy is path itself when nothing is wrong there but one header.
func bestCopy(path, backup string) (from string, err error) {
	if headerError(path) != nil && checkFile(path) == nil {
		return path, nil
	}
	return backup, checkFile(backup)
}

// headerError is what is wrong with the headers of a file that bbolt can open.
func headerError(path string) error {
	db, err := openBolt(path, true)
	if err != nil {
		return nil
	}
	defer db.Close()
	return checkHeaders(db)
}

// rewriteHeaders makes two commits, one for each header.
func rewriteHeaders(path string) error {
	db, err := openBolt(path, false)
	if err != nil {
		return err
	}
	defer db.Close()
	return guard(func() error {
		nothing := func(*bolt.Tx) error { return nil }
		return errors.Join(db.Update(nothing), db.Update(nothing))
	})
}

// checkFile tells whether a copy is one that Open would take, but for a header.
func checkFile(path string) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.Size() == 0 {
		return &CorruptError{path, errors.New("it is empty")}
	}
	db, err := openBolt(path, true)
	if err != nil {
		return err
	}
	st := &store{path: path, db: db}
	defer st.close()
	level, _, err := st.headline()
	if err != nil {
		return err
	}
	if known := current().level; level > known {
		return &LevelError{path, level, known}
	}
	if err := checkDB(db, level); err != nil {
		return &CorruptError{path, err}
	}
	return nil
}

// lockBroken takes the lock that bbolt would take, on a file that bbolt may not
// be able to open.
func lockBroken(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("it is in use; stop pkgd first")
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

// keepBroken gives the broken file a second name, so that there is no moment
// without a file, which would look like a host without a state.
func keepBroken(path string) error {
	name := path + ".broken-" + time.Now().UTC().Format("20060102T150405.000000000")
	err := os.Link(path, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
