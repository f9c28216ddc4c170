// Package logind keeps the host from being shut down by logind for a while. Its
// noun is the [Inhibitor], which holds one lock at most for each name; its rule
// is that logind is asked for help and never waited for: where it does not
// answer, work goes on without it.
package logind

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience bounds every word with logind.
const patience = time.Second

// Inhibitor holds shutdown locks by name. Its methods are safe for use by many
// goroutines.
type Inhibitor struct {
	log     *slog.Logger
	connect func(opts ...dbus.ConnOption) (*dbus.Conn, error)

	mu   sync.Mutex // guards held
	held map[string]*os.File
}

// New returns an inhibitor that asks the logind of the system bus.
func New(log *slog.Logger) *Inhibitor {
	return &Inhibitor{log: log, connect: dbus.ConnectSystemBus, held: map[string]*os.File{}}
}

// Hold takes the lock of a name, unless it is held. A logind that is not there
// is logged.
func (i *Inhibitor) Hold(name, why string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.held[name] != nil {
		return
	}
	lock, err := i.take(why)
	if err != nil {
		i.log.Warn("a shutdown is not held up", "for", name, "error", err)
		return
	}
	i.held[name] = lock
}

// take asks for the lock; logind holds it for as long as the file is open.
func (i *Inhibitor) take(why string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := i.connect(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot reach the bus: %w", err)
	}
	defer conn.Close()
	var fd dbus.UnixFD
	call := conn.Object("org.freedesktop.login1", "/org/freedesktop/login1").
		CallWithContext(ctx, "org.freedesktop.login1.Manager.Inhibit", 0, "shutdown", "pkgd", why, "block")
	if err := call.Store(&fd); err != nil {
		return nil, fmt.Errorf("cannot ask logind: %w", err)
	}
	return os.NewFile(uintptr(fd), "inhibitor"), nil
}

// Release gives the lock of a name back; one that is not held is no error.
func (i *Inhibitor) Release(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if lock := i.held[name]; lock != nil {
		_ = lock.Close() // a closed lock is released, whatever Close says
		delete(i.held, name)
	}
}
