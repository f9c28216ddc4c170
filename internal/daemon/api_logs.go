package daemon

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
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
	begin := time.Now()
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
		d.follow(r.Context(), services, placeAfter(begin, lines), s)
	}
	return nil
}

// lastLines merges the output of services by time.
func (d *Daemon) lastLines(ctx context.Context, services []api.Service, n int) ([]api.LogLine, error) {
	var all []api.LogLine
	for _, svc := range services {
		err := d.o.Services.Logs(ctx, svc.Package, svc.Name, n, func(line api.LogLine) error {
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

// place is where a service's output was read up to: all lines before a moment,
// and so many of that moment.
type place struct {
	at   time.Time
	read int
}

// placeAfter gives each service's place behind lines, by its id; begin is where
// to go on with a service of which there is none.
func placeAfter(begin time.Time, lines []api.LogLine) func(id string) place {
	places := map[string]place{}
	for _, line := range lines {
		id := service.ID(line.Package, line.Service)
		if p := places[id]; p.at.Equal(line.At) {
			places[id] = place{p.at, p.read + 1}
		} else {
			places[id] = place{line.At, 1}
		}
	}
	return func(id string) place {
		if p, ok := places[id]; ok {
			return p
		}
		return place{at: begin}
	}
}

// skips says whether a line was read, and counts it.
func (p *place) skips(line api.LogLine) bool {
	if p.read == 0 || !line.At.Equal(p.at) {
		return false
	}
	p.read--
	return true
}

// follow sends what comes after what was read: no line is missed in between.
func (d *Daemon) follow(ctx context.Context, services []api.Service, after func(id string) place, s *stream) {
	var mu sync.Mutex // guards s
	group, ctx := errgroup.WithContext(ctx)
	for _, svc := range services {
		p := after(service.ID(svc.Package, svc.Name))
		group.Go(func() error {
			return d.o.Services.Follow(ctx, svc.Package, svc.Name, p.at, func(line api.LogLine) error {
				if p.skips(line) {
					return nil
				}
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
