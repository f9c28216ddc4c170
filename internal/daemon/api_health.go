package daemon

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// maxHistory is more transitions than are kept of one package.
const maxHistory = 100_000

// getHealth reads the snapshot; names=A,B narrows it.
func getHealth(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	names := q.list("names")
	if q.err != nil {
		return answer{}, q.err
	}
	if len(names) == 0 {
		return answer{result: d.o.Health.Host()}, nil
	}
	var records []api.Record
	for _, name := range once(names) {
		rec, err := d.record(name)
		if err != nil {
			return answer{}, err
		}
		records = append(records, rec)
	}
	return answer{result: d.together(records)}, nil
}

// once sorts names and leaves out those that were given before.
func once(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// together makes of some packages' records what they come to: as on the host, a
// package of which nobody ever says anything does not count.
func (d *Daemon) together(records []api.Record) api.Health {
	now := d.o.Health.Snapshot()
	var silent []string
	for _, rec := range records {
		if !now.Counts(rec.Package) {
			silent = append(silent, rec.Package)
		}
	}
	return healthstate.NewSnapshot(records, time.Time{}, "", silent).Health
}

// postHealth runs check-health of the named packages, or of all, and answers
// with what they said, rolled up. An empty body will do.
func postHealth(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	req, err := healthRequest(w, r)
	if err != nil {
		return answer{}, err
	}
	req.Names = once(req.Names)
	records, err := d.check(r, req)
	if err != nil {
		return answer{}, err
	}
	return answer{result: d.together(records)}, nil
}

func healthRequest(w http.ResponseWriter, r *http.Request) (req api.HealthRequest, err error) {
	if r.ContentLength != 0 {
		err = decode(w, r, &req)
	}
	return req, err
}

func (d *Daemon) check(r *http.Request, req api.HealthRequest) ([]api.Record, error) {
	for _, name := range req.Names {
		if _, err := d.record(name); err != nil {
			return nil, err
		}
	}
	records, err := d.o.Health.Check(r.Context(), req.Names, hookrunner.PhaseManual)
	if err != nil {
		return nil, err
	}
	if req.Verbose {
		return records, nil
	}
	records = slices.Clone(records)
	for i := range records {
		records[i].Output = ""
	}
	return records, nil
}

func getRecord(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	rec, err := d.record(r.PathValue("name"))
	return answer{result: rec}, err
}

// record gives what is known of one package. Of a package that is installed and
// has said nothing, nothing is known; of another there is nothing to know.
func (d *Daemon) record(name string) (api.Record, error) {
	if rec, ok := d.o.Health.Record(name); ok {
		return rec, nil
	}
	info, err := d.o.Packages.Info(name)
	if err != nil {
		return api.Record{}, err
	}
	return api.Record{
		Package: name, Revision: info.Revision, Version: info.Version, Status: "unknown",
	}, nil
}

// postRecord runs one package's check-health. An empty body will do.
func postRecord(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	req, err := healthRequest(w, r)
	if err != nil {
		return answer{}, err
	}
	if len(req.Names) > 0 {
		return answer{}, badRequest("field \"names\": the package is named by the path")
	}
	req.Names = []string{r.PathValue("name")}
	records, err := d.check(r, req)
	if err != nil {
		return answer{}, err
	}
	if len(records) == 1 {
		return answer{result: records[0]}, nil
	}
	return answer{}, fmt.Errorf("internal error: %d records of one package", len(records))
}

// getHistory gives transitions, newest first; n=COUNT the newest of them.
func getHistory(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	n := q.number("n", 0, maxHistory)
	if q.err != nil {
		return answer{}, q.err
	}
	name := r.PathValue("name")
	if _, err := d.record(name); err != nil {
		return answer{}, err
	}
	transitions, err := d.o.Health.History(name, n)
	return answer{result: transitions}, err
}
