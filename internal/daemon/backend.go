package daemon

import (
	"context"
	"encoding/json"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
)

// Packages is what the daemon asks of pkgstate.
type Packages interface {
	Do(ctx context.Context, req api.PackageRequest) (change string, res api.PackageResult, err error)
	List() []api.Package
	Info(name string) (api.PackageInfo, error)
	Why(name string) (api.Why, error)
	Config(name string, keys []string) (json.RawMessage, error)
	SetConfig(ctx context.Context, name string, req api.ConfigRequest) (change string, err error)
	Services(names []string) ([]api.Service, error)
	ServiceAction(ctx context.Context, req api.ServiceRequest) (change string, err error)
	Data(name string) ([]api.DataItem, error)
	DataAction(ctx context.Context, name string, req api.DataRequest) error
	Exec(req api.ExecRequest) (api.Exec, error)
	Changes() []api.Change
	Change(id string) (api.Change, error)
	WaitChange(ctx context.Context, id string) (api.Change, error)
	Abort(id string) error
	Warnings() []api.Warning
	Okay(until time.Time) int
	Subscribe(f func(api.Event)) (cancel func())
}

// Health is what the daemon asks of healthstate. Host and Record read a
// snapshot: they take no lock and touch no disk.
type Health interface {
	Check(ctx context.Context, names []string, phase hookrunner.Phase) ([]api.Record, error)
	Host() api.Health
	Snapshot() *healthstate.Snapshot
	Record(name string) (api.Record, bool)
	History(name string, limit int) ([]api.Transition, error)
	Subscribe(f func(api.Transition, api.Record)) (cancel func())
}

// Bus is a connection to D-Bus that is kept up while it runs.
type Bus interface {
	Run(ctx context.Context)
	Describe() string
}

// Public is the public listener.
type Public interface {
	Open(c config.Config) error // makes its places those that c names
	Serve(ctx context.Context) error
	End(why string) // not ready from now on
}

// Services is what the daemon asks of the service manager.
type Services interface {
	Logs(ctx context.Context, pkg, name string, n int, f func(api.LogLine) error) error
	Follow(ctx context.Context, pkg, name string, since time.Time, f func(api.LogLine) error) error
}
