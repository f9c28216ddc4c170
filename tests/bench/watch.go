package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// watch sees a service come and go by the fifo that it holds open while it runs.
type watch struct{ events chan event }

// event is a service that came up, or, without a revision, the last one's end.
type event struct {
	at       time.Time
	revision string
	err      error
}

// patience is how long an event that must come is waited for.
const patience = 30 * time.Second

// newWatch makes the fifo in a folder, and watches it as long as this program
// runs.
func newWatch(folder string) (*watch, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "alive")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", path, err)
	}
	w := &watch{events: make(chan event, 16)}
	go func() {
		for w.follow(path) == nil {
		}
	}()
	return w, nil
}

// follow tells of one life of the service. Opening waits until there is one.
func (w *watch) follow(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		w.events <- event{err: err}
		return err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadString('\n')
		w.events <- event{at: time.Now(), revision: strings.TrimSpace(line)}
		if err != nil {
			return nil // its end
		}
	}
}

func (w *watch) next() (event, error) {
	select {
	case e := <-w.events:
		return e, e.err
	case <-time.After(patience):
		return event{}, fmt.Errorf("the service has not changed for %s", patience)
	}
}

// up waits until a revision serves; "" is for any.
func (w *watch) up(revision string) (time.Time, error) {
	e, err := w.next()
	if err != nil {
		return time.Time{}, err
	}
	if e.revision == "" || revision != "" && e.revision != revision {
		return time.Time{}, fmt.Errorf("revision %q serves where %q should", e.revision, revision)
	}
	return e.at, nil
}

// down waits until nobody serves.
func (w *watch) down() (time.Time, error) {
	e, err := w.next()
	if err == nil && e.revision != "" {
		err = fmt.Errorf("revision %q serves where nobody should", e.revision)
	}
	return e.at, err
}

// twoSwitches follows the service down and up twice: to one revision and to
// another. It gives the time without service, and when the second was up.
func (w *watch) twoSwitches(first, second string) (without time.Duration, back time.Time, err error) {
	for _, revision := range []string{first, second} {
		down, err := w.down()
		if err != nil {
			return 0, back, err
		}
		if back, err = w.up(revision); err != nil {
			return 0, back, err
		}
		without += back.Sub(down)
	}
	return without, back, nil
}
