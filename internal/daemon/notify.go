package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"pkgd.io/pkgd/internal/api"
)

// notify tells the service manager that started us, where there is one that
// wants to know (sd_notify), that we serve, how the packages are, and as often
// as it asks for that the daemon's loop still turns. It ends with ctx.
func (d *Daemon) notify(ctx context.Context) {
	if told, err := sd.SdNotify(false, "READY=1\nSTATUS="+d.status()); err != nil || !told {
		d.logUntold(err)
		return
	}
	changed := make(chan struct{}, 1)
	defer d.o.Health.Subscribe(func(api.Transition, api.Record) {
		select {
		case changed <- struct{}{}:
		default: // will be told with the one that waits
		}
	})()
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
			d.tell("STATUS=" + d.status())
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

// status is one line: "FAULT - 3 packages: 2 active, 1 error".
func (d *Daemon) status() string {
	h := d.o.Health.Host()
	n := 0
	var parts []string
	for _, status := range []string{"active", "maintenance", "waiting", "unknown", "blocked", "error"} {
		if c := h.Counts[status]; c > 0 {
			n += c
			parts = append(parts, fmt.Sprintf("%d %s", c, status))
		}
	}
	switch n {
	case 0:
		return h.Level + " - no packages"
	case 1:
		return h.Level + " - 1 package: " + parts[0]
	}
	return fmt.Sprintf("%s - %d packages: %s", h.Level, n, strings.Join(parts, ", "))
}
