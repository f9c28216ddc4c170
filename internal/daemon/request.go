package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/strictyaml"
)

// Limits of a request.
const (
	maxBody     = 1 << 20 // bytes
	maxDepth    = 64      // objects and arrays within one another
	bodyTimeout = 10 * time.Second
)

func badRequest(format string, args ...any) error {
	return &api.Error{Kind: api.ErrBadRequest, Message: fmt.Sprintf(format, args...)}
}

// decode reads the request's body, which must be one JSON value of the shape of
// into and nothing else.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	b, err := body(w, r)
	if err != nil {
		return err
	}
	if err := shallow(b); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return explainJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body has more than one JSON value")
	}
	return nil
}

func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// A client that stops in the middle must not keep us; afterwards the
	// connection is watched without a limit, for the client's going.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e := api.Error{Kind: api.ErrBadRequest, Message: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
		return nil, &statusError{body: e, status: http.StatusRequestEntityTooLarge}
	case err != nil:
		return nil, badRequest("cannot read the body: %v", err)
	}
	_ = rc.SetReadDeadline(time.Time{})
	return b, nil
}

// shallow refuses JSON that is nested deeper than anybody needs: values are
// stored, merged and printed by code that recurses.
func shallow(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return nil // the decoder proper says it better
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return badRequest("the body is nested deeper than %d levels", maxDepth)
		}
	}
}

// explainJSON says which field is wrong in words that do not name Go's types.
func explainJSON(err error) error {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return badRequest("the body is empty; it should be a JSON object")
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return badRequest("field %q: a %s is not accepted here", wrongType.Field, wrongType.Value)
	case errors.As(err, &wrongType):
		return badRequest("the body is a %s; it should be a JSON object", wrongType.Value)
	case errors.As(err, &syntax):
		return badRequest("the body is not JSON: %v (at byte %d)", syntax, syntax.Offset)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badRequest("unknown field %s", field)
	}
	return badRequest("the body is not JSON: %v", err)
}

// checkParams refuses parameters that the route does not know, since a misspelt
// filter would otherwise answer more than was asked.
func checkParams(r *http.Request, known []string) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest("cannot read the parameters: %v", err)
	}
	for key := range values {
		if !slices.Contains(known, key) {
			return badRequest("unknown parameter %q%s", key, didYouMean(key, known))
		}
	}
	return nil
}

// query reads a request's parameters and keeps the first thing wrong with them.
type query struct {
	values url.Values
	err    error
}

func params(r *http.Request) *query { return &query{values: r.URL.Query()} }

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = badRequest(format, args...)
	}
}

// list is a parameter of words with commas between, given any number of times.
func (q *query) list(key string) []string {
	var all []string
	for _, value := range q.values[key] {
		for word := range strings.SplitSeq(value, ",") {
			if word != "" {
				all = append(all, word)
			}
		}
	}
	return all
}

func (q *query) number(key string, def, most int) int {
	text := q.values.Get(key)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		q.fail("parameter %q: %q is not a number from 0 to %d", key, text, most)
		return def
	}
	return n
}

func (q *query) flag(key string) bool {
	text := q.values.Get(key)
	if text == "" {
		return q.values.Has(key)
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		q.fail("parameter %q: %q is neither true nor false", key, text)
	}
	return on
}

// seconds is a parameter that is a length of time; 0 where it is not given.
func (q *query) seconds(key string) time.Duration {
	text := q.values.Get(key)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= 86400) {
		q.fail("parameter %q: %q is not a number of seconds up to a day", key, text)
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

func didYouMean(word string, among []string) string {
	if near := strictyaml.Nearest(word, among); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
