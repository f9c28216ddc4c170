package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// calm is how long nothing may happen in a tree before it counts as saved: an
// editor or a compiler writes many files, many times.
const calm = 200 * time.Millisecond

// treeWatch tells when something below a directory has changed, by inotify.
type treeWatch struct {
	dir    string
	events *os.File
	moved  chan error // one for each batch of events; closed at the end
}

func newTreeWatch(dir string) (*treeWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w := &treeWatch{dir: dir, events: os.NewFile(uintptr(fd), "inotify"), moved: make(chan error)}
	if err := w.addAll(); err != nil {
		w.events.Close()
		return nil, err
	}
	go w.read()
	return w, nil
}

// addAll watches every directory of the tree. Adding one again changes nothing,
// so this is also how new ones come in.
func (w *treeWatch) addAll() error {
	const mask = unix.IN_CREATE | unix.IN_CLOSE_WRITE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_ATTRIB | unix.IN_ONLYDIR
	conn, err := w.events.SyscallConn()
	if err != nil {
		return err
	}
	return filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) && path != w.dir {
				return nil // gone again while we walk
			}
			return err
		}
		var added error
		err = conn.Control(func(fd uintptr) { _, added = unix.InotifyAddWatch(int(fd), path, mask) })
		if errors.Is(added, fs.ErrNotExist) && path != w.dir {
			added = nil
		}
		return errors.Join(err, added)
	})
}

// read passes events on until the watch is closed. What they say does not
// matter, not even that some were lost: the tree is looked at as a whole.
func (w *treeWatch) read() {
	defer close(w.moved)
	buf := make([]byte, 16<<10)
	for {
		_, err := w.events.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil {
			err = w.addAll()
		}
		w.moved <- err
		if err != nil {
			return
		}
	}
}

// wait returns when something has changed and all is calm again.
func (w *treeWatch) wait(ctx context.Context) error {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-w.moved:
			if err != nil {
				return err
			}
			quiet = time.After(calm)
		case <-quiet:
			return nil
		}
	}
}

// close ends the watch and waits for its reader.
func (w *treeWatch) close() {
	w.events.Close()
	for range w.moved { // what it still has to say is of no interest
	}
}
