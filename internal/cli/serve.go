package cli

import (
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/version"
	"pkgd.io/pkgd/overlord"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

func daemonNew(ov *overlord.Overlord, _ config.Config) *daemon.Daemon {
	return daemon.NewFor(daemon.Options{
		Dirs: ov.Dirs(), Packages: ov.Packages(), Health: ov.Health(), Services: ov.Services(),
		System: func() api.System { return api.System{Version: version.String()} },
		Debug:  func() any { return struct{}{} },
		Ctl:    ctlcmd.Handler(ov.Runner().Contexts(), ov.Packages().Ctl(), nil), CtlConnContext: ctlcmd.ConnContext,
	})
}
