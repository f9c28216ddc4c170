package public

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/statuspage"
)

// answer is a whole response but for what a method takes from it.
type answer struct {
	status int
	kind   string // Content-Type
	body   []byte
	length []string    // Content-Length; nil: to be made
	header http.Header // more headers; nil: a probe's, which nobody may keep
}

func plain(status int, text string) answer {
	body := []byte(text + "\n")
	return answer{status: status, kind: textKind, body: body, length: lengthOf(body)}
}

// Headers that most answers have, made once: they are read only.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
	kinds   = map[string][]string{textKind: {textKind}, htmlKind: {htmlKind}, jsonKind: {jsonKind}, healthKind: {healthKind}}
)

const allowed = "GET, HEAD, OPTIONS"

// dispatch answers one request at the place where it came in.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	rules := rulesOf(r)
	if why := rules.refuses(r); why != "" {
		send(w, r, plain(http.StatusForbidden, why))
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		w.Header().Set("Allow", allowed)
		send(w, r, plain(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not answered here; %s are", r.Method, allowed)))
		return
	}
	if r.URL.Path == "/metrics" && r.Method != http.MethodOptions { // net/http sends HEAD no body
		s.metrics.serve(w, r, rules.expose)
		return
	}
	if statuspage.Serves(r.URL.Path) {
		s.o.Page.Serve(w, r, rules.expose.String())
		return
	}
	send(w, r, s.route(r, rules))
}

func (s *Server) route(r *http.Request, rules *rules) answer {
	switch r.URL.Path {
	case "/livez", "/healthz":
		return s.livez(r, rules)
	case "/readyz", "/readiness":
		return s.readyz(r, rules)
	case "/startupz":
		return s.startupz(r, rules)
	case "/health":
		return s.health(r, rules)
	case "/healthcheck":
		return s.healthcheck(r, rules)
	case "/metrics":
		return answer{status: http.StatusOK, kind: textKind}
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/readyz/packages/"); ok {
		return s.packageReady(r, rules, name)
	}
	return plain(http.StatusNotFound, "there is nothing here; there are /livez /readyz /startupz /health /healthcheck /metrics")
}

// send gives HEAD and OPTIONS what GET gets without the body: HAProxy asks by
// OPTIONS and goes by the status.
func send(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	a.fill(h)
	if r.Method == http.MethodOptions {
		h.Set("Allow", allowed)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		delete(h, "Content-Length")
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodGet {
		// A client that has gone does not get its answer; there is nobody to tell.
		_, _ = w.Write(a.body)
	}
}

// fill sets the headers of an answer to GET.
func (a *answer) fill(h http.Header) {
	for name, values := range a.header {
		h[name] = values
	}
	if a.header == nil {
		h["Cache-Control"] = noStore
	}
	h["X-Content-Type-Options"] = noSniff
	if a.status == http.StatusNotModified || a.status == http.StatusNoContent {
		return
	}
	h["Content-Type"] = kinds[a.kind]
	switch {
	case a.length != nil:
		h["Content-Length"] = a.length
	case a.body != nil: // without, HEAD does not know what GET gives
		h["Content-Length"] = lengthOf(a.body)
	}
}

// lengthOf is the header that tells how long a body is: without, net/http would
// cut a long one into chunks, and tell nothing of any to HEAD.
func lengthOf(body []byte) []string { return []string{strconv.Itoa(len(body))} }
