package daemon

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Store is what the daemon asks of the state. Neither blocks for longer than
// its context.
type Store interface {
	Writable() error                // why the state cannot be written; nil: it can, as far as is known
	Sync(ctx context.Context) error // tries again at once
}

// storeTimeout is how long a request waits to learn whether a state that could
// not be written can be written again.
const storeTimeout = time.Second

// lasting does what is asked if it can be remembered. While the state cannot be
// written nothing is begun: a change that waits for the disk, and is gone when
// pkgd dies before that, would have been promised and not kept. What turns out
// afterwards not to be on the disk is not called done either.
func (d *Daemon) lasting(r *http.Request, f func() (answer, error)) (answer, error) {
	if err := d.storeFailure(r.Context()); err != nil {
		return answer{}, storeError(err, "nothing was begun")
	}
	a, err := f()
	if err != nil {
		return a, err
	}
	if err := d.o.Store.Writable(); err != nil {
		return answer{}, storeError(err, d.takeBack(a.change))
	}
	return a, nil
}

// takeBack says what has become of what was done without being on the disk.
func (d *Daemon) takeBack(change string) string {
	if change == "" || d.o.Packages.Abort(change) != nil { // it has ended already
		return "it is done, but a restart may forget it"
	}
	return fmt.Sprintf("change %s is taken back", change)
}

// storeFailure tells why the state cannot be written. A disk that works again
// is found out at once and not when the next attempt is due.
func (d *Daemon) storeFailure(ctx context.Context) error {
	if d.o.Store.Writable() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_ = d.o.Store.Sync(ctx) // Writable says it better
	return d.o.Store.Writable()
}

func storeError(why error, so string) error {
	return &api.Error{
		Kind:    api.ErrStore,
		Message: fmt.Sprintf("%v; %s", why, so),
		Hint:    "make room on that disk, or see in the kernel's log why it fails, and ask again; what runs goes on running",
	}
}
