package daemon

import (
	"net/http"
	"time"

	"pkgd.io/pkgd/internal/api"
)

func getWarnings(d *Daemon, _ http.ResponseWriter, _ *http.Request) (answer, error) {
	return answer{result: d.o.Packages.Warnings()}, nil
}

// postWarnings dismisses the warnings that were there at a time, now where none
// is given, and answers how many.
func postWarnings(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.WarningsRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	if req.Action != "okay" {
		return answer{}, badRequest("field \"action\": %q is not accepted; accepted: okay", req.Action)
	}
	if req.Until.IsZero() {
		req.Until = time.Now()
	}
	return d.lasting(r, func() (answer, error) {
		return answer{result: d.o.Packages.Okay(req.Until)}, nil
	})
}
