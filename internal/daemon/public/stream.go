package public

import (
	"io"
	"net/http"
	"time"
)

const eventStream = "text/event-stream"

// Limits of the streams that keep pages up to date.
const (
	maxStreams    = 128
	streamTimeout = 5 * time.Second // for a reader to take one event
)

// stream tells an open page whenever there is something new to show, and nothing
// of what it is: the page asks for itself again.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		send(w, r, plain(http.StatusServiceUnavailable, "too many pages are open"))
		return
	}
	defer s.streams.Add(-1)
	news, leave := s.chron.listen()
	defer leave()
	h := w.Header()
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	h.Set("Content-Type", eventStream)
	rc := http.NewResponseController(w)
	say := func(text string) error {
		_ = rc.SetWriteDeadline(time.Now().Add(streamTimeout))
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return rc.Flush()
	}
	for err := say(": watching\n\n"); err == nil; {
		select {
		case <-r.Context().Done():
			return
		case <-news:
			err = say("data: changed\n\n")
		}
	}
}
