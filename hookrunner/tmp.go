package hookrunner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

// tmps empties packages' TMPDIR between runs. The folder is the package's, so
// runs of one package at the same time share it: the last to leave empties it.
type tmps struct {
	mu     sync.Mutex // guards byPath
	byPath map[string]*tmp
}

type tmp struct {
	mu   sync.Mutex // guards what follows; held while the folder is emptied
	runs int
	seen bool // emptied once: what an earlier daemon left is gone
}

func newTmps() *tmps { return &tmps{byPath: make(map[string]*tmp)} }

// hookTmp is the hooks' TMPDIR, a folder of each user's own.
func hookTmp(p Package, u *osutil.User) string {
	if u == nil {
		return filepath.Join(p.Tmp, "hook")
	}
	return filepath.Join(p.Tmp, "hook-"+strconv.Itoa(int(u.UID)))
}

// appTmp is the TMPDIR of services and apps.
func appTmp(p Package) string { return filepath.Join(p.Tmp, "app") }

// makeAppTmp makes it. Anybody may write to it, as to /tmp: a service may have a
// user, and an app is run by whoever calls it. Other packages do not see it.
func makeAppTmp(p Package) error {
	path := appTmp(p)
	if err := makeTmp(p, path, nil); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot make TMPDIR: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Fchmod(fd, 0o1777); err != nil {
		return fmt.Errorf("cannot make TMPDIR: %w", err)
	}
	return nil
}

// enter makes the folder ready and empty for a first run.
func (ts *tmps) enter(p Package, u *osutil.User) (path string, err error) {
	path = hookTmp(p, u)
	t := ts.at(path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := makeTmp(p, path, u); err != nil {
		return "", err
	}
	if !t.seen {
		if err := empty(path); err != nil {
			return "", err
		}
		t.seen = true
	}
	t.runs++
	return path, nil
}

// leave empties the folder after the last run in it.
func (ts *tmps) leave(path string) error {
	t := ts.at(path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.runs--; t.runs > 0 {
		return nil
	}
	return empty(path)
}

func (ts *tmps) at(path string) *tmp {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byPath[path]
	if t == nil {
		t = &tmp{}
		ts.byPath[path] = t
	}
	return t
}

func makeTmp(p Package, path string, u *osutil.User) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(p.Tmp, 0o711); err == nil {
			err = os.Mkdir(path, 0o700)
		}
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cannot make TMPDIR: %w", err)
	}
	if u == nil || os.Geteuid() != 0 {
		return nil
	}
	// Lchown: the package may have put a link in this place.
	if err := os.Lchown(path, int(u.UID), int(u.GID)); err != nil {
		return fmt.Errorf("cannot make TMPDIR: %w", err)
	}
	return nil
}

// empty removes all that is in the folder, and never leaves it: a package can put
// a link to anywhere in its place.
func empty(path string) error {
	if isEmpty(path) {
		return nil
	}
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("cannot empty TMPDIR: %w", err)
	}
	defer parent.Close()
	name := filepath.Base(path)
	st, err := parent.Lstat(name)
	if err == nil {
		err = removeAll(parent, name)
	}
	if err == nil {
		err = parent.Mkdir(name, 0o700)
	}
	if err != nil {
		return fmt.Errorf("cannot empty TMPDIR: %w", err)
	}
	return keepOwner(parent, name, st)
}

// dropTmp removes a package's folder with all TMPDIRs in it.
func dropTmp(path string) error {
	parent, err := os.OpenRoot(filepath.Dir(path))
	if errors.Is(err, os.ErrNotExist) {
		return nil // nobody has had a TMPDIR yet
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	return removeAll(parent, filepath.Base(path))
}

// removeAll also removes folders that were closed to their owner.
func removeAll(parent *os.Root, name string) error {
	err := parent.RemoveAll(name)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	_ = fs.WalkDir(parent.FS(), name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return parent.Chmod(path, 0o700)
		}
		return nil // RemoveAll says what is wrong
	})
	return parent.RemoveAll(name)
}

// keepOwner gives the new folder to whom the old one belonged.
func keepOwner(parent *os.Root, name string, old os.FileInfo) error {
	st, ok := old.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return parent.Lchown(name, int(st.Uid), int(st.Gid))
}

// isEmpty looks without following a link, and costs four system calls.
func isEmpty(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [512]byte
	n, err := unix.ReadDirent(fd, buf[:])
	if err != nil {
		return false
	}
	_, entries, _ := unix.ParseDirent(buf[:n], 1, nil)
	return entries == 0
}
