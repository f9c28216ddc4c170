package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// watch sees a service come and go by the fifos that it holds open while it runs,
// one for each revision.
type watch struct {
	folder string
	events chan event
}

// event is a revision of the service that came up or went down.
type event struct {
	change
	at  time.Time
	err error // nothing more will be seen of that revision
}

type change struct {
	revision int
	up       bool
}

// patience is how long an event that must come is waited for.
const patience = 30 * time.Second

func newWatch(folder string) (*watch, error) {
	return &watch{folder: folder, events: make(chan event, 16)}, os.MkdirAll(folder, 0o755)
}

// follow watches a revision, as long as this program runs.
func (w *watch) follow(revision int) error {
	path := filepath.Join(w.folder, fmt.Sprint("alive-", revision))
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	go func() {
		for {
			if err := w.life(path, revision); err != nil {
				w.events <- event{change: change{revision: revision}, err: err}
				return
			}
		}
	}()
	return nil
}

// life tells of one life of the service. Opening waits until it begins.
func (w *watch) life(path string, revision int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if _, err := in.ReadString('\n'); err != nil {
		return fmt.Errorf("a service that says nothing: %w", err)
	}
	w.events <- event{change: change{revision, true}, at: time.Now()}
	_, _ = in.ReadString('\n') // until its end
	w.events <- event{change: change{revision, false}, at: time.Now()}
	return nil
}

// await waits for changes, in whatever order they are seen: between two of them
// there may be less time than seeing takes.
func (w *watch) await(all ...change) (map[change]time.Time, error) {
	seen := map[change]time.Time{}
	for len(seen) < len(all) {
		select {
		case e := <-w.events:
			if e.err != nil {
				return nil, e.err
			}
			seen[e.change] = e.at
		case <-time.After(patience):
			return nil, fmt.Errorf("of %v there came only %v", all, seen)
		}
	}
	for _, c := range all {
		if _, ok := seen[c]; !ok {
			return nil, fmt.Errorf("instead of %v there came %v", all, seen)
		}
	}
	return seen, nil
}

// thereAndBack follows the service from an old revision to a new one and back. It
// gives the time without service, and when the old one served again.
func (w *watch) thereAndBack(old, fresh int) (without time.Duration, back time.Time, err error) {
	at, err := w.await(change{old, false}, change{fresh, true}, change{fresh, false}, change{old, true})
	if err != nil {
		return 0, back, err
	}
	back = at[change{old, true}]
	there := at[change{fresh, true}].Sub(at[change{old, false}])
	return there + back.Sub(at[change{fresh, false}]), back, nil
}
