package api

import "encoding/json"

// ResponseType says how to read a [Response].
type ResponseType string

// The three kinds of response of the admin socket.
const (
	Sync      ResponseType = "sync"  // Result is the answer
	Async     ResponseType = "async" // Change names the change to wait for
	ErrorType ResponseType = "error" // Result is an Error
)

// Response is the envelope of every JSON answer on the admin socket.
type Response struct {
	Type       ResponseType    `json:"type"`
	StatusCode int             `json:"status-code"`
	Result     json.RawMessage `json:"result,omitempty"`
	Change     string          `json:"change,omitempty"`
}

// ErrorKind is what a program tests to know why something was refused. The list
// is closed: a new refusal needs a new kind here or one of these.
type ErrorKind string

// The kinds of error, with the HTTP status that the daemon sends for each.
const (
	ErrBadRequest       ErrorKind = "bad-request"       // 400: wrong words or values
	ErrBadPackage       ErrorKind = "bad-package"       // 400: manifest or archive is wrong
	ErrForbidden        ErrorKind = "forbidden"         // 403: the caller may not do this
	ErrNotFound         ErrorKind = "not-found"         // 404: no such change, key, store entry
	ErrNotInstalled     ErrorKind = "not-installed"     // 404: no such package on this host
	ErrAlreadyInstalled ErrorKind = "already-installed" // 409: use refresh
	ErrConflict         ErrorKind = "change-conflict"   // 409: another change works on the package
	ErrRefused          ErrorKind = "refused"           // 409: digest is refused, see --retry-refused
	ErrHeld             ErrorKind = "held"              // 409: package is held
	ErrNoRevision       ErrorKind = "no-revision"       // 409: nothing to revert to
	ErrUnset            ErrorKind = "unset"             // 404: configuration key has no value
	ErrNoSpace          ErrorKind = "no-space"          // 507: the disk is full
	ErrStore            ErrorKind = "store-failing"     // 503: state cannot be written now
	ErrStopping         ErrorKind = "stopping"          // 503: the daemon is going down
	ErrBusy             ErrorKind = "busy"              // 429: too many connections of one user
	ErrInternal         ErrorKind = "internal"          // 500: a bug in pkgd
)

// Error is a refusal. Message reads as the end of a chain ("package \"x\" is not
// installed"); Hint, where there is one, says what to do next.
type Error struct {
	Kind    ErrorKind `json:"kind"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// HTTPStatus is the status code that carries an error of this kind.
func (k ErrorKind) HTTPStatus() int {
	switch k {
	case ErrBadRequest, ErrBadPackage:
		return 400
	case ErrForbidden:
		return 403
	case ErrNotFound, ErrNotInstalled, ErrUnset:
		return 404
	case ErrAlreadyInstalled, ErrConflict, ErrRefused, ErrHeld, ErrNoRevision:
		return 409
	case ErrBusy:
		return 429
	case ErrNoSpace:
		return 507
	case ErrStore, ErrStopping:
		return 503
	}
	return 500
}
