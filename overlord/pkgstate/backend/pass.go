package backend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/disk"
)

// pass makes one tree the same as another: with names, content, modes, times,
// hard and symbolic links, where this is root owners, and as far as the disk
// takes them extended attributes. Sockets, fifos and devices are left out: they
// are nothing without the process behind them. It works through os.Root, since
// what it copies belongs to whom the daemon need not trust.
type pass struct {
	ctx  context.Context
	live bool // the source is in use: sync each file before it is copied

	prior  map[string]stamp // of an earlier pass; what is still the same is kept
	stamps map[string]stamp // taken by this one; nil: not wanted

	top      *os.Root
	links    map[inode]string // files with several names → the first name's copy
	changed  []string         // what has to be synced
	unshared bool             // the disk does not share blocks between copies
}

type inode struct{ dev, ino uint64 }

func inodeOf(fi fs.FileInfo) inode {
	st := fi.Sys().(*syscall.Stat_t)
	return inode{dev: st.Dev, ino: st.Ino}
}

// maxTries is how often a file that changes identity while it is opened is
// looked at anew.
const maxTries = 10

// run makes dst the same as src.
func (p *pass) run(src, dst string) error {
	if err := disk.MkdirAll(dst, privateMode); err != nil {
		return err
	}
	if err := unlock(dst, os.Chmod); err != nil {
		return err
	}
	from, err := os.OpenRoot(src)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer to.Close()
	p.top, p.links = to, map[inode]string{}
	return p.folder(from, to, ".")
}

// folder makes the folder to, which is at path at, the same as from.
func (p *pass) folder(from, to *os.Root, at string) error {
	if err := p.stampFolder(from, at); err != nil {
		return err
	}
	names, err := namesIn(from)
	if err != nil {
		return err
	}
	there, err := namesIn(to)
	if err != nil {
		return err
	}
	surplus := map[string]bool{}
	for _, name := range there {
		surplus[name] = true
	}
	for _, name := range names {
		if err := context.Cause(p.ctx); err != nil {
			return err
		}
		e := &item{from: from, to: to, name: name, path: path.Join(at, name), there: surplus[name]}
		kept, err := p.item(e)
		if err != nil {
			return named(e.path, err)
		}
		surplus[name] = e.there && !kept
	}
	for name, is := range surplus {
		if !is {
			continue
		}
		if err := p.remove(to, at, name); err != nil {
			return named(path.Join(at, name), err)
		}
	}
	return p.attributes(from, to)
}

// stampFolder stamps a folder; one that changed since the earlier pass, if only
// in its mode, is to be synced.
func (p *pass) stampFolder(from *os.Root, at string) error {
	now := time.Now()
	fi, err := from.Stat(".")
	if err != nil {
		return err
	}
	s := stampOf(fi, now)
	if prior, known := p.prior[at]; !known || !prior.same(s) {
		p.touch(at)
	}
	if p.stamps != nil {
		p.stamps[at] = s
	}
	return nil
}

// itemError names the thing that could not be copied, once.
type itemError struct {
	path string
	err  error
}

func (e *itemError) Error() string { return e.path + ": " + e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }

func named(path string, err error) error {
	if _, is := errors.AsType[*itemError](err); is {
		return err
	}
	return &itemError{path: path, err: err}
}

// item is one thing in a folder, on its way.
type item struct {
	from, to *os.Root
	name     string // in both
	path     string // from the top
	there    bool   // there is something of that name in to
	info     fs.FileInfo
}

var errMoved = errors.New("it is another file now")

// item copies one thing, or keeps the copy that is there. kept is false where
// there is nothing to copy.
func (p *pass) item(e *item) (kept bool, err error) {
	for range maxTries {
		taken := time.Now()
		e.info, err = e.from.Lstat(e.name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept, err = p.itemOfKind(e, stampOf(e.info, taken))
		if !errors.Is(err, errMoved) && !errors.Is(err, fs.ErrNotExist) {
			return kept, err
		}
		e.there = true // in part, perhaps
	}
	return false, fmt.Errorf("it changes faster than it can be copied: %w", err)
}

func (p *pass) itemOfKind(e *item, s stamp) (kept bool, err error) {
	switch mode := e.info.Mode(); {
	case mode.IsDir():
		return true, p.subfolder(e)
	case mode.IsRegular():
		return true, p.unlessSame(e, s, p.file)
	case mode&fs.ModeSymlink != 0:
		return true, p.unlessSame(e, s, p.symlink)
	}
	return false, nil
}

func (p *pass) subfolder(e *item) error {
	fi, err := e.to.Lstat(e.name)
	if err == nil && !fi.IsDir() {
		if err := p.remove(e.to, path.Dir(e.path), e.name); err != nil {
			return err
		}
	}
	if err != nil || !fi.IsDir() {
		if err := e.to.Mkdir(e.name, privateMode); err != nil {
			return err
		}
		p.touch(path.Dir(e.path))
	}
	if err := unlock(e.name, e.to.Chmod); err != nil {
		return err
	}
	from, err := e.from.OpenRoot(e.name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := e.to.OpenRoot(e.name)
	if err != nil {
		return err
	}
	defer to.Close()
	return p.folder(from, to, e.path)
}

// unlessSame copies e anew unless the copy that is there is certainly the same.
// Several names of one file stay names of one file; all have the stamp of the
// moment it was copied.
func (p *pass) unlessSame(e *item, s stamp, copyItem func(*item) error) error {
	first, linked := p.links[inodeOf(e.info)]
	linked = linked && e.info.Mode().IsRegular()
	prior, known := p.prior[e.path]
	switch {
	case e.there && known && prior.same(s) && (!linked || p.oneFile(first, e.path)):
		s = prior
	case linked:
		s = p.stamps[first]
		if err := p.replace(e, func(*item) error { return p.top.Link(first, e.path) }); err != nil {
			return err
		}
	default:
		if err := p.replace(e, copyItem); err != nil {
			return err
		}
	}
	if !linked && e.info.Sys().(*syscall.Stat_t).Nlink > 1 {
		p.links[inodeOf(e.info)] = e.path
	}
	if p.stamps != nil {
		p.stamps[e.path] = s
	}
	return nil
}

// oneFile tells whether two copies are names of one file. They are not when the
// second name came between the copying of the two.
func (p *pass) oneFile(a, b string) bool {
	fa, errA := p.top.Lstat(a)
	fb, errB := p.top.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(fa, fb)
}

func (p *pass) replace(e *item, make func(*item) error) error {
	if e.there {
		if err := p.remove(e.to, path.Dir(e.path), e.name); err != nil {
			return err
		}
	}
	p.touch(path.Dir(e.path), e.path)
	return make(e)
}

func (p *pass) symlink(e *item) error {
	target, err := e.from.Readlink(e.name)
	if err != nil {
		return err
	}
	if err := e.to.Symlink(target, e.name); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	st := e.info.Sys().(*syscall.Stat_t)
	return e.to.Lchown(e.name, int(st.Uid), int(st.Gid))
}

// remove removes name in the folder at path at, whatever it is.
func (p *pass) remove(to *os.Root, at, name string) error {
	p.touch(at)
	err := to.RemoveAll(name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return disk.RemoveTree(filepath.Join(p.top.Name(), at, name))
}

// touch notes what has to be synced, at most a little more than sync looks at.
func (p *pass) touch(paths ...string) {
	if len(p.changed) <= maxSyncs {
		p.changed = append(p.changed, paths...)
	}
}

// maxSyncs is the number of changed files from which on it is cheaper to sync
// the whole file system, in which others may have much that is not synced.
const maxSyncs = 200

// sync makes the changes of this pass durable.
func (p *pass) sync(dst string) error {
	if len(p.changed) > maxSyncs {
		return disk.SyncFS(dst)
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	done := map[string]bool{}
	for _, at := range p.changed {
		if done[at] {
			continue
		}
		done[at] = true
		if err := syncIn(root, at); err != nil {
			return err
		}
	}
	return disk.SyncDir(filepath.Dir(dst))
}

// syncIn syncs a file or folder. A link is part of its folder.
func syncIn(root *os.Root, at string) error {
	fi, err := root.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) || err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := root.Open(at)
	if errors.Is(err, fs.ErrPermission) {
		return disk.SyncFS(root.Name())
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func namesIn(root *os.Root) ([]string, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// unlock lets who is not root into a folder that an earlier pass has closed, as
// its original is; attributes puts it right again.
func unlock(folder string, chmod func(string, fs.FileMode) error) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return chmod(folder, privateMode)
}
