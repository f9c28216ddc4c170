package daemon

import (
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

// New returns the daemon that serves an overlord's rooms.
func New(ov *overlord.Overlord) *Daemon {
	return NewFor(Options{
		Dirs: ov.Dirs(), Packages: ov.Packages(), Health: ov.Health(), Services: ov.Services(), Log: ov.Log(),
		System: func() api.System { return ov.System() },
		Alive:  ov.Alive,
		Debug:  func() any { return ov.Debug() },
		Ctl:    ctlcmd.Handler(ov.Runner().Contexts(), ov.Packages().Ctl(), ov.Log()), CtlConnContext: ctlcmd.ConnContext,
	})
}
