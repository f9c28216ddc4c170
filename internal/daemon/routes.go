package daemon

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// handler answers with one envelope; streamer writes its answer itself, and
// what it returns before its first byte is a refusal.
type (
	handler  func(d *Daemon, w http.ResponseWriter, r *http.Request) (answer, error)
	streamer func(d *Daemon, w http.ResponseWriter, r *http.Request) error
)

// route is one line of the API: who may do what where. A segment of path in
// braces is a name.
type route struct {
	method, path string
	params       string // that it takes, with commas between
	access       access
	handle       handler
	stream       streamer
}

// routes is the whole API of the admin socket. docs/reference/openapi.yaml
// describes it; a test compares the two.
func routes() []route {
	return []route{
		{method: "GET", path: "/v1/packages", handle: getPackages},
		{method: "POST", path: "/v1/packages", access: admin, handle: postPackages},
		{method: "GET", path: "/v1/packages/{name}", handle: getPackage},
		{method: "POST", path: "/v1/packages/{name}", access: admin, handle: postPackage},
		{method: "GET", path: "/v1/packages/{name}/why", handle: getWhy},
		{method: "GET", path: "/v1/packages/{name}/data", access: admin, handle: getData},
		{method: "POST", path: "/v1/packages/{name}/data", access: admin, handle: postData},
		{method: "GET", path: "/v1/changes", params: "select,package", handle: getChanges},
		{method: "GET", path: "/v1/changes/{id}", handle: getChange},
		{method: "POST", path: "/v1/changes/{id}", access: admin, handle: postChange},
		{method: "GET", path: "/v1/changes/{id}/wait", params: "timeout", handle: waitChange},
		{method: "GET", path: "/v1/health", params: "names", handle: getHealth},
		{method: "POST", path: "/v1/health", access: admin, handle: postHealth},
		{method: "GET", path: "/v1/health/{name}", handle: getRecord},
		{method: "POST", path: "/v1/health/{name}", access: admin, handle: postRecord},
		{method: "GET", path: "/v1/health/{name}/history", params: "n", handle: getHistory},
		{method: "GET", path: "/v1/config/{name}", params: "keys", access: admin, handle: getConfig},
		{method: "POST", path: "/v1/config/{name}", access: admin, handle: postConfig},
		{method: "GET", path: "/v1/services", params: "names", handle: getServices},
		{method: "POST", path: "/v1/services", access: admin, handle: postServices},
		{method: "GET", path: "/v1/logs", params: "names,n,follow", access: admin, stream: getLogs},
		{method: "GET", path: "/v1/warnings", handle: getWarnings},
		{method: "POST", path: "/v1/warnings", access: admin, handle: postWarnings},
		{method: "GET", path: "/v1/events", params: "types", stream: getEvents},
		{method: "POST", path: "/v1/exec", access: admin, handle: postExec},
		{method: "GET", path: "/v1/system", handle: getSystem},
		{method: "GET", path: "/v1/debug/{what}", access: owner, handle: getDebug},
	}
}

// match compares a request's path with a route's, segment by segment, and gives
// the names in it.
func (t route) match(segments []string) (names map[string]string, ok bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	names = map[string]string{}
	for i, p := range pattern {
		switch {
		case strings.HasPrefix(p, "{"):
			if segments[i] == "" {
				return nil, false
			}
			names[strings.Trim(p, "{}")] = segments[i]
		case p != segments[i]:
			return nil, false
		}
	}
	return names, true
}

// find gives the route of a request and sets the names in its path.
func (d *Daemon) find(r *http.Request) (route, error) {
	segments, err := segments(r.URL)
	if err != nil {
		return route{}, err
	}
	var methods []string
	for _, t := range d.routes {
		names, ok := t.match(segments)
		if !ok {
			continue
		}
		if t.method != r.Method {
			methods = append(methods, t.method)
			continue
		}
		for name, value := range names {
			r.SetPathValue(name, value)
		}
		return t, nil
	}
	if len(methods) > 0 {
		return route{}, wrongMethod(r, methods)
	}
	return route{}, &api.Error{
		Kind:    api.ErrNotFound,
		Message: fmt.Sprintf("there is no %s", r.URL.EscapedPath()), // what is written in it stays one line
		Hint:    "the API is described in docs/reference/openapi.yaml",
	}
}

// segments splits a path before it is unescaped, so that an escaped slash stays
// within its name.
func segments(u *url.URL) ([]string, error) {
	all := strings.Split(u.EscapedPath(), "/")
	for i := range all {
		plain, err := url.PathUnescape(all[i])
		if err != nil {
			return nil, badRequest("cannot read the path: %v", err)
		}
		all[i] = plain
	}
	return all, nil
}

func wrongMethod(r *http.Request, methods []string) error {
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	e := api.Error{
		Kind:    api.ErrBadRequest,
		Message: fmt.Sprintf("%s does not take %s", r.URL.EscapedPath(), r.Method),
		Hint:    "it takes " + allow,
	}
	return &statusError{body: e, status: http.StatusMethodNotAllowed, allow: allow}
}
