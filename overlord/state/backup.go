package state

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// The codes of the warnings that no good copy could be made, and that there is
// something wrong with the file that is in use.
const (
	backupWarning  = "state-backup-failed"
	damagedWarning = "state-damaged"
)

// backup is the copying that goes on beside everything else.
type backup struct {
	path   string // of the copy; "" none
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

func (b *backup) stop() {
	if b.cancel != nil {
		b.cancel()
	}
	b.busy.Wait()
}

// Backup begins to keep a copy of the file as it is, at the path that Options
// name, once every value is found to be good: what Open does not read may be
// damaged, and must not take the place of the last good copy. Call it once after
// Open, when nobody waits for the start any more. It needs no lock.
func (s *State) Backup() {
	path := s.backup.path
	if path == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.backup.cancel = cancel
	s.backup.busy.Go(func() {
		err := s.store.copyTo(ctx, path)
		s.store.dropPages()
		if ctx.Err() != nil {
			return
		}
		s.Lock()
		defer s.Unlock()
		if errors.Is(err, errDamaged) {
			s.warnDamaged(err)
			return
		}
		s.DropWarnings("", damagedWarning)
		if err != nil {
			s.Warn("", backupWarning, fmt.Sprintf("cannot keep a copy of the state in %q: %v", path, err))
			return
		}
		s.DropWarnings("", backupWarning)
	})
}

func (s *State) warnDamaged(err error) {
	s.Warn("", damagedWarning, fmt.Sprintf("file %q is damaged: %v; stop pkgd and restore the last good copy with: pkgd debug recover", s.store.path, err))
}

// errDamaged says of a copy that it is the file itself that is not good.
var errDamaged = errors.New("not copied")

// copyTo makes path a consistent copy of the file: whole and good, or as it was.
// The read transaction has to last as long as the copying; writers go on
// meanwhile.
func (st *store) copyTo(ctx context.Context, path string) error {
	return replaceFile(path, func(w io.Writer) error {
		return st.view(func(tx *bolt.Tx) error {
			if err := guard(func() error { return checkSeals(tx) }); err != nil {
				return fmt.Errorf("%w (%w)", err, errDamaged)
			}
			_, err := tx.WriteTo(&stoppable{ctx, w})
			return err
		})
	})
}

// dropPages takes the pages of the file out of this process: to check them all has
// brought them in, and little of them is read again. They stay in the kernel's
// cache; where it will not, that costs memory alone. Within a transaction the file
// stays mapped where it is.
func (st *store) dropPages() {
	_ = st.view(func(tx *bolt.Tx) error {
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, tx.DB().Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
		if errno != 0 {
			return errno
		}
		return nil
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
