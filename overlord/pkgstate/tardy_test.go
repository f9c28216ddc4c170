package pkgstate_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/servicetest"
	"pkgd.io/pkgd/internal/service/supervisor"
)

func TestMain(m *testing.M) {
	servicetest.Main()
	os.Exit(m.Run())
}

// tardy is a supervisor of which one start can be held.
type tardy struct {
	service.Manager

	mu   sync.Mutex // guards what follows
	next bool       // start is the one to hold
	held *held
}

// held is a start that is asked for and not carried out: until it is let go, a
// stop has gone by, another start comes (behind it), or its context ends.
type held struct {
	asked, freed, done chan struct{}
	letGo              func()
}

func newTardy(t *testing.T, d dirs.Dirs) *tardy {
	t.Helper()
	s, err := supervisor.New(supervisor.Options{Dirs: d, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return &tardy{Manager: s}
}

// hold holds the next start.
func (m *tardy) hold() *held {
	h := &held{asked: make(chan struct{}), freed: make(chan struct{}), done: make(chan struct{})}
	h.letGo = sync.OnceFunc(func() { close(h.freed) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.next = h, true
	return h
}

func (m *tardy) Start(ctx context.Context, units []service.Unit) error {
	m.mu.Lock()
	h, mine := m.held, m.next
	m.next = false
	m.mu.Unlock()
	switch {
	case mine:
		defer close(h.done)
		close(h.asked)
		select {
		case <-h.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	case h != nil:
		h.letGo()
		<-h.done
	}
	return m.Manager.Start(ctx, units)
}

func (m *tardy) Stop(ctx context.Context, pkg string, names []string) error {
	err := m.Manager.Stop(ctx, pkg, names)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil && !m.next {
		m.held.letGo()
	}
	return err
}

func TestATardyManagerDoesWhatEveryManagerMust(t *testing.T) {
	servicetest.Suite(t, func(t *testing.T, d dirs.Dirs) service.Manager { return newTardy(t, d) })
}
