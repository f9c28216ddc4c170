package daemon

import (
	"net/http"
	"slices"

	"pkgd.io/pkgd/internal/api"
)

// getEvents streams what happens as server-sent events until the client goes;
// types=change,task,health narrows it.
func getEvents(d *Daemon, w http.ResponseWriter, r *http.Request) error {
	q := params(r)
	types := q.list("types")
	known := []string{"change", "task", "health"}
	for _, t := range types {
		if !slices.Contains(known, t) {
			q.fail("parameter \"types\": %q is none of change, task, health", t)
		}
	}
	if q.err != nil {
		return q.err
	}
	visible := publicEvent
	if d.isAdmin(r) {
		visible = func(ev api.Event) api.Event { return ev }
	}
	happening, leave := d.events.listen()
	defer leave()
	s := openStream(w, eventStream)
	for {
		select {
		case <-r.Context().Done():
			return nil
		case ev, ok := <-happening:
			if !ok {
				return nil // too slow: the client sees the end and asks anew
			}
			if len(types) > 0 && !slices.Contains(types, ev.Type) {
				continue
			}
			if s.send(ev.Type, visible(ev)) != nil {
				return nil
			}
		}
	}
}
