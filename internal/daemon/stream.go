package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The two forms of a stream.
const (
	eventStream = "text/event-stream"
	ndjson      = "application/x-ndjson"
)

// writeTimeout is how long a reader of a stream may keep one value waiting.
const writeTimeout = 5 * time.Second

// stream sends values one by one, each at once.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	form string
}

// openStream begins an answer of status 200; the client sees that it has begun
// before there is anything to send.
func openStream(w http.ResponseWriter, form string) *stream {
	s := &stream{w: w, rc: http.NewResponseController(w), form: form}
	w.Header().Set("Content-Type", form)
	w.Header().Set("Cache-Control", "no-store")
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	w.WriteHeader(http.StatusOK)
	_ = s.rc.Flush()
	return s
}

// send gives an error when the client has gone or does not read.
func (s *stream) send(event string, v any) error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	var err error
	if s.form == eventStream {
		_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n", event, marshal(withLists(v))) // marshal ends its line
	} else {
		_, err = s.w.Write(marshal(withLists(v)))
	}
	if err != nil {
		return err
	}
	return s.rc.Flush()
}

// formOf is the form of stream that the client asks for.
func formOf(r *http.Request) string {
	if strings.Contains(r.Header.Get("Accept"), eventStream) {
		return eventStream
	}
	return ndjson
}
