package httpserver

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// attend puts limits on each request before h: a body comes in time, also one
// that h does not read (net/http waits for it before it answers), and the answer
// is read in time. A handler that streams, or that takes its time, sets the
// deadline for its answer anew.
func attend(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seat := seatOf(r.Context())
		defer seat.asks(false)
		rc := http.NewResponseController(w)
		_ = rc.SetWriteDeadline(time.Now().Add(answerTimeout))
		if r.ContentLength == 0 {
			seat.asks(true)
		} else {
			_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout))
			r.Body = &body{r.Body, rc, seat}
		}
		h.ServeHTTP(w, r)
	})
}

// body tells the seat when it has come to its end, and that there is no hurry
// any more: from then on the connection is watched for the client's going.
type body struct {
	io.ReadCloser
	rc   *http.ResponseController
	seat *Seat
}

// Read reads what has come.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.seat.asks(true)
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}
