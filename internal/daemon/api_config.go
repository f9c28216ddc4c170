package daemon

import (
	"net/http"

	"pkgd.io/pkgd/internal/api"
)

// getConfig gives a package's configuration; keys=A,B.C a part of it.
func getConfig(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	keys := q.list("keys")
	if q.err != nil {
		return answer{}, q.err
	}
	doc, err := d.o.Packages.Config(r.PathValue("name"), keys)
	return answer{result: doc}, err
}

func postConfig(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.ConfigRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	if len(req) == 0 {
		return answer{}, badRequest("the body names no key")
	}
	return d.lasting(r, func() (answer, error) {
		change, err := d.o.Packages.SetConfig(r.Context(), r.PathValue("name"), req)
		return answer{change: change}, err
	})
}
