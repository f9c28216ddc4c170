package daemon

import (
	"net/http"

	"pkgd.io/pkgd/internal/api"
)

// getServices lists services; names=PACKAGE,PACKAGE.SERVICE narrows it.
func getServices(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	names := q.list("names")
	if q.err != nil {
		return answer{}, q.err
	}
	services, err := d.o.Packages.Services(names)
	return answer{result: services}, err
}

func postServices(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.ServiceRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	return d.lasting(r, func() (answer, error) {
		change, err := d.o.Packages.ServiceAction(r.Context(), req)
		return answer{change: change}, err
	})
}
