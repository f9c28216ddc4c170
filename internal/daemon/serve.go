package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/httpserver"
)

// serveAdmin answers one request of the admin socket.
func (d *Daemon) serveAdmin(w http.ResponseWriter, r *http.Request) {
	defer d.recovered(w, r)
	if err := d.dispatch(w, r); err != nil {
		d.refuse(w, r, err)
	}
}

func (d *Daemon) dispatch(w http.ResponseWriter, r *http.Request) error {
	t, err := d.find(r)
	if err != nil {
		return err
	}
	if err := d.guard.check(peerOf(r), t.access); err != nil {
		return err
	}
	if err := checkParams(r, strings.Split(t.params, ",")); err != nil {
		return err
	}
	if err := d.awaitBegun(r); err != nil {
		return err
	}
	if t.stream != nil {
		return t.stream(d, w, r)
	}
	a, err := t.handle(d, w, r)
	if err != nil {
		return err
	}
	d.audit(r, a)
	respond(w, a)
	return nil
}

// awaitBegun has what is not only looked at wait until hooks and tasks may run: a
// moment, after a start.
func (d *Daemon) awaitBegun(r *http.Request) error {
	if r.Method == http.MethodGet || d.o.Begun == nil {
		return nil
	}
	select {
	case <-d.o.Begun:
		return nil
	case <-r.Context().Done():
		return context.Cause(r.Context())
	}
}

// audit tells the log who had something done.
func (d *Daemon) audit(r *http.Request, a answer) {
	if r.Method == http.MethodGet {
		return
	}
	p := peerOf(r)
	d.o.Log.Info("asked", "method", r.Method, "path", r.URL.Path, "uid", p.UID, "pid", p.PID, "change", a.change)
}

func (d *Daemon) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(context.Cause(r.Context()), httpserver.ErrStopping) {
		err = &api.Error{Kind: api.ErrStopping, Message: httpserver.ErrStopping.Error(), Hint: "ask again when it is back"}
	}
	e := refusal(err)
	if e.body.Kind == api.ErrInternal {
		d.o.Log.Error("cannot answer", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if e.allow != "" {
		w.Header().Set("Allow", e.allow)
	}
	send(w, errorEnvelope(e))
}

func (d *Daemon) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil || v == http.ErrAbortHandler {
		return
	}
	d.o.Log.Error("internal error", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	send(w, errorEnvelope(refusal(fmt.Errorf("internal error: %v", v))))
}
