package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// lockTimeout is how long another process may take to let go of the file.
	lockTimeout = time.Second
	// mapSize is the address space mapped at once: a mapping that need not
	// grow never makes a writer wait for a reader.
	mapSize = 32 << 20
	// growBy is by how much the file grows, in bytes.
	growBy = 1 << 20
	// checkMost bounds the check after an unclean stop, in bytes of file.
	checkMost = 64 << 20
)

var (
	levelSlot   = slot{metaBucket, "level"}
	uncleanSlot = slot{metaBucket, "unclean"}
)

// store is the file: one bbolt database, a key an entity. Its rules: values
// are copied out inside a read transaction, no transaction is open across
// other I/O or a callback, and only the committer writes.
type store struct {
	path   string
	db     *bolt.DB
	now    func() time.Time
	hook   func(commit func() error) error // tests' faults; nil: just commit
	marked bool                            // the file says that it is in use; committer's own
	room   int64                           // up to here the disk holds blocks for the file, in bytes; committer's own
}

// openStore opens the file, or creates one at the schema's level.
func openStore(path string, sc schema) (*store, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := createStore(path, sc); err != nil {
			return nil, fmt.Errorf("cannot create state %q: %w", path, err)
		}
	case err != nil:
		return nil, fmt.Errorf("cannot open state: %w", err)
	case info.Size() == 0:
		// A file is renamed into place whole, so this is not a young one.
		return nil, &CorruptError{path, errors.New("it is empty")}
	}
	st := &store{path: path, now: time.Now}
	if st.db, err = openBolt(path, false); err != nil {
		return nil, err
	}
	if err := st.prepare(sc); err != nil {
		st.db.Close()
		return nil, err
	}
	return st, nil
}

// openBolt opens a database file, and lets go of it when that fails: bbolt
// itself does not when it panics, and would keep it locked.
func openBolt(path string, readOnly bool) (db *bolt.DB, err error) {
	var file *os.File
	openFile := func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	err = guard(func() error {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: lockTimeout, InitialMmapSize: mapSize, FreelistType: bolt.FreelistMapType,
			NoStatistics: true, ReadOnly: readOnly, OpenFile: openFile,
		})
		return err
	})
	var perr *fs.PathError
	switch {
	case err == nil:
		db.AllocSize = growBy
		return db, nil
	case file != nil: // bbolt may have closed it: then this does nothing
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // a mapping left behind keeps the lock
		file.Close()
	}
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, &BusyError{path}
	case errors.As(err, &perr):
		return nil, fmt.Errorf("cannot open state: %w", err)
	}
	return nil, &CorruptError{path, err}
}

// createStore makes a new file beside path and renames it into place, so that
// a half-made file is never taken for a state.
func createStore(path string, sc schema) error {
	tmp := path + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	db, err := openBolt(tmp, false)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return putLevel(tx, sc.level)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// headline reads the format level and whether the file was in use last.
func (st *store) headline() (level int, unclean bool, err error) {
	err = st.view(func(tx *bolt.Tx) error {
		info, err := os.Stat(st.path)
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("it was cut short: %d of %d bytes are there", info.Size(), tx.Size())
		}
		meta := tx.Bucket([]byte(metaBucket))
		if meta == nil {
			return errors.New("it is not a pkgd state")
		}
		unclean = meta.Get([]byte(uncleanSlot.key)) != nil
		level, err = strconv.Atoi(string(meta.Get([]byte(levelSlot.key))))
		return err
	})
	if err != nil {
		return 0, false, &CorruptError{st.path, err}
	}
	return level, unclean, nil
}

// prepare looks whether the file can be used, and brings it to our level.
func (st *store) prepare(sc schema) error {
	level, unclean, err := st.headline()
	if err != nil {
		return err
	}
	if level > sc.level {
		return &LevelError{st.path, level, sc.level}
	}
	if err := checkHeaders(st.db); err != nil {
		return &CorruptError{st.path, err}
	}
	if st.marked = unclean; unclean {
		if err := checkDB(st.db, level); err != nil {
			return &CorruptError{st.path, err}
		}
	}
	return st.migrate(level, sc)
}

// checkDB reads the whole tree, with the seals that values of that level have,
// and then has bbolt check it. Reading first
// finds wild page numbers where they can be caught: bbolt's check has a
// goroutine of its own, in which they would end the process.
func checkDB(db *bolt.DB, level int) error {
	return guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			if tx.Size() > checkMost {
				return nil
			}
			if err := tx.ForEach(walkBucket); err != nil {
				return err
			}
			if level >= sealedLevel {
				if err := checkSeals(tx); err != nil {
					return err
				}
			}
			var errs []error
			for err := range tx.Check() {
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		})
	})
}

func walkBucket(_ []byte, b *bolt.Bucket) error {
	var last []byte
	return b.ForEach(func(k, v []byte) error {
		if bytes.Compare(last, k) > 0 {
			return errors.New("keys are out of order")
		}
		last = append(last[:0], k...)
		return nil
	})
}

// view runs f in a read transaction. f copies what it wants to keep.
func (st *store) view(f func(tx *bolt.Tx) error) error {
	return guard(func() error { return st.db.View(f) })
}

// get gives a copy of a slot's value, or nil.
func (st *store) get(k slot) (v []byte, err error) {
	err = st.view(func(tx *bolt.Tx) error {
		raw, err := getSealed(tx, k)
		v = bytes.Clone(raw)
		return err
	})
	return v, err
}

// write makes b durable, or changes nothing.
func (st *store) write(b batch) error {
	commit := func() error { return guard(func() error { return st.commit(b) }) }
	if st.hook != nil {
		inner := commit
		commit = func() error { return st.hook(inner) }
	}
	if err := commit(); err != nil {
		return err
	}
	if mark, ok := b[uncleanSlot]; ok {
		st.marked = mark != nil
	}
	return nil
}

func (st *store) commit(b batch) error {
	tx, err := st.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after a Commit
	s, err := readSums(tx)
	if err != nil {
		return err
	}
	for k, v := range b {
		if err := s.put(tx, k, v); err != nil {
			return err
		}
	}
	if err := s.write(tx); err != nil {
		return err
	}
	used := tx.Size()
	if err := tx.Commit(); err != nil {
		return err
	}
	st.keepRoom(used)
	return nil
}

func (st *store) close() error { return st.db.Close() }

// guard turns bbolt's panics, and faults in the mapped file (a bad page number,
// a file that was cut short, EIO while paging in), into errors.
func guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
