package overlord

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/supervisor"
	"pkgd.io/pkgd/internal/service/systemd"
)

// newServices picks who runs services: what the configuration says, and for
// "auto" what is really there. What systemd runs already is never run by another
// manager as well.
func newServices(o Options) (service.Manager, error) {
	kind, units := o.Config.Services, systemd.Left(o.Dirs)
	if kind == config.ServicesAuto {
		var why string
		kind, why = service.Detect(o.Dirs.Root)
		if kind == service.Embedded && len(units) > 0 {
			kind, why = service.Systemd, fmt.Sprintf("%s is there, though %s", units[0], why)
		}
		o.Log.Info("services", "manager", kind, "because", why)
	}
	if kind == service.Systemd {
		return systemd.New(systemd.Options{Dirs: o.Dirs, Log: o.Log})
	}
	if len(units) > 0 {
		if err := takeOver(o); err != nil {
			return nil, fmt.Errorf("services: embedded, but systemd runs them and cannot be made to end them: %w", err)
		}
	}
	return supervisor.New(supervisor.Options{Dirs: o.Dirs, Log: o.Log})
}

// takeOverTimeout is how long systemd may take to end all services.
const takeOverTimeout = time.Minute

// takeOver ends what systemd runs, and removes its units.
func takeOver(o Options) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), takeOverTimeout)
	defer cancel()
	m, err := systemd.New(systemd.Options{Dirs: o.Dirs, Log: o.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Shutdown(ctx)) }()
	all, err := m.Status(ctx, "")
	for _, s := range all {
		err = errors.Join(err, m.Forget(ctx, s.Package))
	}
	return err
}
