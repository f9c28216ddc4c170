package daemon

import (
	"context"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/public"
)

// ready tells the service manager that started us, where there is one that wants
// to know (sd_notify), that we serve and how the packages are. The function goes
// on telling it until its context ends.
func (d *Daemon) ready() (notify func(ctx context.Context)) {
	changed := make(chan struct{}, 1) // from before the first word: nothing may fall in between
	unhear := d.o.Health.Subscribe(func(api.Transition, api.Record) {
		select {
		case changed <- struct{}{}:
		default: // will be told with the one that waits
		}
	})
	if told, err := sd.SdNotify(false, "READY=1\nSTATUS="+public.Line(d.o.Health.Host())); err != nil || !told {
		d.logUntold(err)
		unhear()
		return func(context.Context) {}
	}
	return func(ctx context.Context) {
		defer unhear()
		d.notify(ctx, changed)
	}
}

// notify tells the service manager how the packages are whenever that changes, and
// as often as it asks for that the daemon's loop still turns.
func (d *Daemon) notify(ctx context.Context, changed <-chan struct{}) {
	limit, err := sd.SdWatchdogEnabled(false)
	d.logUntold(err)
	var tick <-chan time.Time
	if limit > 0 {
		ticker := time.NewTicker(limit / 2)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			d.tell("STOPPING=1")
			return
		case <-changed:
			d.tell("STATUS=" + public.Line(d.o.Health.Host()))
		case <-tick:
			if time.Since(d.o.Alive()) < limit {
				d.tell("WATCHDOG=1")
			}
		}
	}
}

func (d *Daemon) tell(what string) {
	_, err := sd.SdNotify(false, what)
	d.logUntold(err)
}

func (d *Daemon) logUntold(err error) {
	if err != nil {
		d.o.Log.Warn("cannot tell the service manager", "err", err)
	}
}
