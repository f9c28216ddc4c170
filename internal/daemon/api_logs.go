package daemon

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"pkgd.io/pkgd/internal/api"
)

// Numbers of lines of GET /v1/logs.
const (
	defaultLines = 10
	maxLines     = 100_000
)

// getLogs streams the last n lines of services' output, oldest first, and with
// follow those to come until the client goes. It gives one JSON value a line,
// or server-sent events where the client accepts these.
func getLogs(d *Daemon, w http.ResponseWriter, r *http.Request) error {
	q := params(r)
	names, n, follow := q.list("names"), q.number("n", defaultLines, maxLines), q.flag("follow")
	if q.err != nil {
		return q.err
	}
	services, err := d.o.Packages.Services(names)
	if err != nil {
		return err
	}
	lines, err := d.lastLines(r.Context(), services, n)
	if err != nil {
		return err
	}
	s := openStream(w, formOf(r))
	for _, line := range lines {
		if s.send("log", line) != nil {
			return nil
		}
	}
	if follow {
		d.follow(r.Context(), services, s)
	}
	return nil
}

// lastLines merges the output of services by time.
func (d *Daemon) lastLines(ctx context.Context, services []api.Service, n int) ([]api.LogLine, error) {
	var all []api.LogLine
	for _, svc := range services {
		err := d.o.Services.Logs(ctx, svc.Package, svc.Name, n, false, func(line api.LogLine) error {
			all = append(all, line)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all, func(a, b api.LogLine) int { return a.At.Compare(b.At) })
	return all[max(0, len(all)-n):], nil
}

func (d *Daemon) follow(ctx context.Context, services []api.Service, s *stream) {
	var mu sync.Mutex // guards s
	group, ctx := errgroup.WithContext(ctx)
	for _, svc := range services {
		group.Go(func() error {
			return d.o.Services.Logs(ctx, svc.Package, svc.Name, 0, true, func(line api.LogLine) error {
				mu.Lock()
				defer mu.Unlock()
				return s.send("log", line)
			})
		})
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		d.o.Log.Warn("cannot follow logs", "err", err)
	}
}
