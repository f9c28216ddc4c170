package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"pkgd.io/pkgd/internal/api"
)

// getChanges lists changes as summaries. select=ready or in-progress, and
// package=NAME, narrow it.
func getChanges(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	which, name := q.values.Get("select"), q.values.Get("package")
	if !slices.Contains([]string{"", "all", "ready", "in-progress"}, which) {
		q.fail("parameter \"select\": %q is none of all, ready, in-progress", which)
	}
	if q.err != nil {
		return answer{}, q.err
	}
	var chosen []api.Change
	for _, chg := range d.o.Packages.Changes() {
		unwanted := (which == "ready" && !chg.Ready) || (which == "in-progress" && chg.Ready) ||
			(name != "" && !slices.Contains(chg.Packages, name))
		if !unwanted {
			chosen = append(chosen, d.visibleChange(r, chg))
		}
	}
	return answer{result: chosen}, nil
}

func getChange(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	chg, err := d.o.Packages.Change(r.PathValue("id"))
	return answer{result: d.visibleChange(r, chg)}, err
}

// waitChange answers when the change is ready or timeout seconds have passed.
func waitChange(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	q := params(r)
	timeout := q.seconds("timeout")
	if q.err != nil {
		return answer{}, q.err
	}
	ctx, cancel := context.WithCancel(r.Context())
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(r.Context(), timeout)
	}
	defer cancel()
	id := r.PathValue("id")
	chg, err := d.o.Packages.WaitChange(ctx, id)
	if err != nil && r.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		chg, err = d.o.Packages.Change(id)
	}
	return answer{result: d.visibleChange(r, chg)}, err
}

// postChange aborts, also while the state cannot be written: it stops what is
// under way, and to do less needs no promise.
func postChange(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error) {
	var req api.ChangeRequest
	if err := decode(w, r, &req); err != nil {
		return answer{}, err
	}
	if req.Action != "abort" {
		return answer{}, badRequest("field \"action\": %q is not accepted; accepted: abort", req.Action)
	}
	return answer{}, d.o.Packages.Abort(r.PathValue("id"))
}

// visibleChange is a change as the asker may see it.
func (d *Daemon) visibleChange(r *http.Request, chg api.Change) api.Change {
	if (len(chg.Tasks) == 0 && len(chg.Outcomes) == 0 && chg.Err == "") || d.isAdmin(r) {
		return chg
	}
	return publicChange(chg)
}

// publicChange takes from a change what hooks printed, which stands in the
// tasks' logs, in the packages' stories and, as its last line, in errors.
func publicChange(chg api.Change) api.Change {
	chg.Err = ""
	chg.Tasks = slices.Clone(chg.Tasks)
	for i := range chg.Tasks {
		chg.Tasks[i] = withoutLog(chg.Tasks[i])
	}
	chg.Outcomes = slices.Clone(chg.Outcomes)
	for i := range chg.Outcomes {
		chg.Outcomes[i] = withoutOutput(chg.Outcomes[i])
	}
	return chg
}

func withoutLog(t api.Task) api.Task {
	t.Log = nil
	return t
}
