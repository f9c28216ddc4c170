package daemon

import (
	"os"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/bus"
	"pkgd.io/pkgd/internal/daemon/public"
	"pkgd.io/pkgd/internal/statuspage"
	"pkgd.io/pkgd/overlord"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

// New returns the daemon that serves an overlord's rooms.
func New(ov *overlord.Overlord) *Daemon {
	ctl := ctlcmd.NewHandler(ov.Runner().Contexts(), ov.Packages().Ctl(), ov.Log())
	return NewFor(Options{
		Dirs: ov.Dirs(), Packages: ov.Packages(), Health: ov.Health(), Services: ov.Services(), Store: ov.State(), Log: ov.Log(),
		System: func() api.System { return ov.System() },
		Alive:  ov.Alive,
		Begun:  ov.Begun(),
		Debug:  func() any { return ov.Debug() }, Reports: ov.Reports().Outbox,
		Bus:    newBus(ov),
		Config: ov.Config(),
		Public: public.New(public.Options{
			Health: ov.Health(), Packages: ov.Packages(), Reports: ov.Reports().Outbox, Services: ov.Services(),
			Page: newPage(ov), Writable: ov.State().Writable, Alive: ov.Alive,
			Version: ov.System().Version, Log: ov.Log(),
		}),
		EndWork: ov.EndWork,
		Ctl:     ctl, CtlConnContext: ctlcmd.ConnContext, CtlAtOnce: ctl.AtOnce,
	})
}

func newPage(ov *overlord.Overlord) *statuspage.Page {
	host, err := os.Hostname()
	if err != nil {
		host = "" // the page does without
	}
	return statuspage.New(statuspage.Options{
		Health: ov.Health(), Packages: ov.Packages(), Host: host, Version: ov.System().Version, Log: ov.Log(),
	})
}

// newBus is nil for a daemon that no bus is meant for.
func newBus(ov *overlord.Overlord) Bus {
	address := bus.Address(ov.Dirs().Root, os.Getenv)
	if address == "" {
		return nil
	}
	return bus.New(bus.Options{
		Address: address, Version: ov.System().Version, Health: ov.Health(), Packages: ov.Packages(), Resumed: ov.Health().Wake, Log: ov.Log(),
	})
}
