package state

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// backupWarning is the code of the warning that no good copy could be made.
const backupWarning = "state-backup-failed"

// backup is the copying that goes on beside everything else after Open.
type backup struct {
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

func (b *backup) stop() {
	if b.cancel != nil {
		b.cancel()
	}
	b.busy.Wait()
}

// startBackup copies the file, which is known to be good now, in the
// background, so that a start does not wait for it.
func (s *State) startBackup(path string) {
	if path == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.backup.cancel = cancel
	s.backup.busy.Go(func() {
		err := s.store.copyTo(ctx, path)
		if ctx.Err() != nil {
			return
		}
		s.Lock()
		defer s.Unlock()
		if err != nil {
			s.Warn("", backupWarning, fmt.Sprintf("cannot keep a copy of the state in %q: %v", path, err))
			return
		}
		s.DropWarnings("", backupWarning)
	})
}

// copyTo makes path a consistent copy of the file: whole, or as it was. The
// read transaction has to last as long as the copying; writers go on meanwhile.
func (st *store) copyTo(ctx context.Context, path string) error {
	return replaceFile(path, func(w io.Writer) error {
		return st.view(func(tx *bolt.Tx) error {
			_, err := tx.WriteTo(&stoppable{ctx, w})
			return err
		})
	})
}

// stoppable is a writer that a context can end.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s *stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

// replaceFile puts what write writes in the place of path, durably.
func replaceFile(path string, write func(io.Writer) error) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Recover puts the good copy at backup in the place of the state file at path,
// which stays beside it as PATH.broken-TIME. It refuses a copy that is not good
// and a state that is in use.
func Recover(path, backup string) error {
	if err := recoverFile(path, backup); err != nil {
		return fmt.Errorf("cannot recover state %q from %q: %w", path, backup, err)
	}
	return nil
}

func recoverFile(path, backup string) error {
	if err := checkFile(backup); err != nil {
		return err
	}
	unlock, err := lockBroken(path)
	if err != nil {
		return err
	}
	defer unlock()
	if err := keepBroken(path); err != nil {
		return err
	}
	return replaceFile(path, func(w io.Writer) error {
		f, err := os.Open(backup)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}

// checkFile tells whether a copy is one that Open would take.
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
	if err := checkDB(db); err != nil {
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
