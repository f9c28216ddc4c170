package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/strictyaml"
)

// answerTimeout is how long a client may take to read an answer.
const answerTimeout = 30 * time.Second

// answer is what a handler gives back: a result, a change to wait for, or both.
type answer struct {
	result any
	change string
}

func respond(w http.ResponseWriter, a answer) {
	env := api.Response{Type: api.Sync, StatusCode: http.StatusOK, Result: marshal(withLists(a.result))}
	if a.change != "" {
		env.Type, env.StatusCode, env.Change = api.Async, http.StatusAccepted, a.change
	}
	send(w, env)
}

// statusError is a refusal on its way out. It is also made where a refusal's
// kind alone does not tell its HTTP status.
type statusError struct {
	body   api.Error
	status int
	allow  string // methods that the path takes
}

func (e *statusError) Error() string { return e.body.Message }

// refusal is err as it travels: the kind and hint of the refusal within, the
// text of the whole chain.
func refusal(err error) *statusError {
	var already *statusError
	if errors.As(err, &already) {
		return already
	}
	e := api.Error{Kind: kindOf(err), Message: err.Error()}
	var inner *api.Error
	if errors.As(err, &inner) {
		e.Kind, e.Hint = inner.Kind, inner.Hint
	}
	return &statusError{body: e, status: e.Kind.HTTPStatus()}
}

// kindOf sorts what the rooms below have not sorted themselves.
func kindOf(err error) api.ErrorKind {
	var problems strictyaml.Problems
	switch {
	case errors.As(err, &problems):
		return api.ErrBadPackage
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return api.ErrNoSpace
	case errors.Is(err, context.Canceled):
		return api.ErrStopping
	}
	return api.ErrInternal
}

func errorEnvelope(e *statusError) api.Response {
	return api.Response{Type: api.ErrorType, StatusCode: e.status, Result: marshal(&e.body)}
}

func send(w http.ResponseWriter, env api.Response) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(env.StatusCode)
	// A client that has gone does not get its answer; there is nobody to tell.
	_, _ = w.Write(marshal(env))
}

// marshal encodes what we made ourselves, so failing is a bug.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("internal error: cannot encode an answer: %v", err))
	}
	return b.Bytes()
}

// rawResponse is a whole HTTP response, for where no request has been read.
func rawResponse(status int, v any) []byte {
	body := marshal(v)
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		status, http.StatusText(status), len(body))
	return append([]byte(head), body...)
}
