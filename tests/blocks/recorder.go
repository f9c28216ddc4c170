package blocks

import (
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Recorder is a disk image that notes what is written to it.
type Recorder struct {
	Path  string // the image to mount by loop
	image *os.File
	size  int64
	fd    int
	gone  chan struct{} // closed when nobody asks any more

	mu      sync.Mutex // guards windows
	windows []Window
}

// Window is what was written between two flushes.
type Window struct {
	Writes []Piece
}

// Piece is something that was written, at an offset in bytes.
type Piece struct {
	At   int64
	Data []byte
}

// Record gives the image at path a second name, by which what is written is
// noted. It needs root.
func Record(t testing.TB, path string) *Recorder {
	t.Helper()
	r := &Recorder{Path: path + ".recorded", gone: make(chan struct{}), windows: make([]Window, 1)}
	if err := r.open(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })
	go r.serve()
	return r
}

func (r *Recorder) open(path string) (err error) {
	if r.image, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return err
	}
	fi, err := r.image.Stat()
	if err != nil {
		return err
	}
	r.size = fi.Size()
	if err := os.WriteFile(r.Path, nil, 0o600); err != nil {
		return err
	}
	r.fd, err = mount(r.Path)
	return err
}

func (r *Recorder) note(at int64, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := &r.windows[len(r.windows)-1]
	last.Writes = append(last.Writes, Piece{at, slices.Clone(b)})
}

// flush begins a window, unless nothing was written since the last one began.
func (r *Recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.windows[len(r.windows)-1].Writes) > 0 {
		r.windows = append(r.windows, Window{})
	}
}

// Now is the index of the window that is being written: what was promised before
// has to be in those below it.
func (r *Recorder) Now() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.windows) - 1
}

// Stop ends the recording and gives it. The disk must not be mounted any more,
// or it is lost to who has it.
func (r *Recorder) Stop() []Window {
	_ = unix.Unmount(r.Path, unix.MNT_DETACH|unix.MNT_FORCE)
	<-r.gone
	os.Remove(r.Path)
	r.image.Close()
	return r.windows
}
