package public

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"
)

// livenessLimit is how long the loop may be late before it counts as stuck.
const livenessLimit = 30 * time.Second

// condition is one thing that is looked at, and why it is not as it should be.
type condition struct {
	name string
	err  error
}

// late is how long ago the loop turned as it should.
func (s *Server) late(now time.Time) time.Duration { return now.Sub(s.o.Alive()) }

func (s *Server) alive() []condition {
	var err error
	if late := s.late(time.Now()); late > livenessLimit {
		err = fmt.Errorf("has not turned for %.0f s", late.Seconds())
	}
	return []condition{{"loop", err}}
}

// ready is what pkgd needs to do its work, as seen from a place.
func (s *Server) ready(r *rules) []condition {
	return append([]condition{{"store", s.o.Writable()}, {"services", s.up.manager.err()}}, s.wanted(r)...)
}

// wanted is whether new work should come through a place at all: it should not
// while pkgd ends, and where a file says so.
func (s *Server) wanted(r *rules) []condition {
	var ending error
	if why := s.ending.Load(); why != nil {
		ending = errors.New(*why)
	}
	all := []condition{{"serving", ending}}
	if r.files != nil {
		all = append(all, condition{"files", r.files.err()})
	}
	return all
}

// livez tells whether the daemon's own loop turns, and nothing else.
func (s *Server) livez(r *http.Request, rules *rules) answer {
	all := s.alive()
	if all[0].err == nil && r.URL.RawQuery == "" && r.Header["Accept"] == nil {
		return wellAnswer // what is asked for a thousand times
	}
	return verdict(r, rules, "livez", all)
}

var wellAnswer = plain(http.StatusOK, "ok")

func (s *Server) readyz(r *http.Request, rules *rules) answer {
	return verdict(r, rules, "readyz", s.ready(rules))
}

// startupz is asked before anything else is: who can ask finds the state loaded,
// and needs to know only whether all listeners are open.
func (s *Server) startupz(r *http.Request, rules *rules) answer {
	var err error
	if !s.started.Load() {
		err = errors.New("not all of them are open")
	}
	return verdict(r, rules, "startupz", []condition{{"listeners", err}})
}

// packageReady tells whether one package can do its work, and should. To who may not know
// packages' names all are unknown.
func (s *Server) packageReady(r *http.Request, rules *rules, name string) answer {
	snap := s.o.Health.Snapshot()
	for _, rec := range snap.Health.Packages {
		if rec.Package != name || rules.expose < names {
			continue
		}
		var err error
		switch {
		case snap.Counts(name) && rec.Status != "active":
			err = errors.New("is " + strings.TrimSpace(rec.Status+" "+rec.Code))
		case !snap.Counts(name) && !s.up.up(name):
			err = errors.New("services are not up")
		}
		return verdict(r, rules, name, append([]condition{{name, err}}, s.wanted(rules)...))
	}
	return plain(http.StatusNotFound, "no such package")
}

// verdict is 200 when all conditions that are not excluded hold, and 503 when
// one does not.
func verdict(r *http.Request, rules *rules, what string, all []condition) answer {
	query := r.URL.Query()
	var unknown []string
	for _, name := range query["exclude"] {
		i := slices.IndexFunc(all, func(c condition) bool { return c.name == name })
		if i < 0 {
			unknown = append(unknown, name)
			continue
		}
		all = slices.Delete(all, i, i+1)
	}
	v := view{what: what, expose: rules.expose, conditions: all, verbose: query.Has("verbose"), unknown: unknown}
	a := answer{status: http.StatusOK}
	if v.failed() {
		a.status = http.StatusServiceUnavailable
	}
	switch a.kind = preferred(r.Header.Get("Accept"), textKind, jsonKind, healthKind, htmlKind); a.kind {
	case textKind:
		a.body = []byte(v.text())
	case htmlKind:
		a.body = []byte("<!doctype html>\n<title>" + html.EscapeString(what) + "</title>\n<pre>" + html.EscapeString(v.text()) + "</pre>\n")
	default:
		a.body = v.json()
	}
	return a
}

// view is a verdict in words.
type view struct {
	what       string
	expose     exposure
	conditions []condition
	verbose    bool
	unknown    []string // excluded, but not there
}

func (v view) failed() bool {
	return slices.ContainsFunc(v.conditions, func(c condition) bool { return c.err != nil })
}

// reason is why a condition does not hold, as far as the caller may know: it may
// name paths and programs.
func (v view) reason(c condition) string {
	if v.expose == full || c.err.Error() == disabledByFile || c.err.Error() == missingFile {
		return c.err.Error()
	}
	return "reason withheld"
}

// text is "ok", or a line a condition as Kubernetes writes it.
func (v view) text() string {
	failed := v.failed()
	if !failed && !v.verbose {
		return "ok\n"
	}
	var b strings.Builder
	for _, c := range v.conditions {
		switch {
		case c.err != nil:
			fmt.Fprintf(&b, "[-]%s failed: %s\n", c.name, v.reason(c))
		default:
			fmt.Fprintf(&b, "[+]%s ok\n", c.name)
		}
	}
	for _, name := range v.unknown {
		fmt.Fprintf(&b, "cannot exclude %q: there is none\n", name)
	}
	result := "passed"
	if failed {
		result = "failed"
	}
	fmt.Fprintf(&b, "%s check %s\n", v.what, result)
	return b.String()
}

func (v view) json() []byte {
	type one struct {
		Status string `json:"status"`
		Output string `json:"output,omitempty"`
	}
	body := struct {
		Status string           `json:"status"`
		Checks map[string][]one `json:"checks"`
	}{Status: "pass", Checks: map[string][]one{}}
	for _, c := range v.conditions {
		result := one{Status: "pass"}
		if c.err != nil {
			result = one{Status: "fail", Output: v.reason(c)}
			body.Status = "fail"
		}
		body.Checks[c.name] = []one{result}
	}
	return encode(body)
}

// encode writes what we made ourselves, so failing is a bug.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("internal error: cannot encode an answer: %v", err))
	}
	return append(b, '\n')
}

// healthcheck follows readyz in the shape that OpenStack's services have.
func (s *Server) healthcheck(r *http.Request, rules *rules) answer {
	v := view{expose: rules.expose, conditions: s.ready(rules)}
	a, reasons := answer{status: http.StatusOK}, []string{"OK"}
	if v.failed() {
		a.status, reasons = http.StatusServiceUnavailable, v.reasons()
	}
	if r.Method == http.MethodHead && a.status == http.StatusOK {
		a.status = http.StatusNoContent
	}
	switch a.kind = preferred(r.Header.Get("Accept"), textKind, htmlKind, jsonKind); a.kind {
	case jsonKind:
		a.body = encode(map[string]any{"detailed": false, "reasons": reasons})
	case htmlKind:
		a.body = []byte("<!doctype html>\n<title>Healthcheck Status</title>\n<p>" + strings.ReplaceAll(html.EscapeString(strings.Join(reasons, "\n")), "\n", "<br>") + "</p>\n")
	default:
		a.body = []byte(strings.Join(reasons, "\n"))
	}
	return a
}

func (v view) reasons() []string {
	var all []string
	for _, c := range v.conditions {
		switch {
		case c.err == nil:
		case c.name == "files":
			all = append(all, v.reason(c))
		default:
			all = append(all, c.name+": "+v.reason(c))
		}
	}
	return all
}
