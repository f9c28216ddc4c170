package httpserver

import (
	"net"
	"time"
)

// AtOnce answers a connection's requests before net/http sees them, for as long as
// each thing that is read is a whole request that its answer knows. The first that
// is not, or that has come in part or with more behind it, is net/http's from its
// first byte on, and so is all that follows on that connection: what net/http is
// given was never looked at as the beginning of anything else.
//
// The connection keeps net/http's limits: until the first request its head's, then
// that of a connection that asks nothing, and once net/http takes over its head's
// again. Answers have to be read in time. The latter two may be a second short.
type AtOnce struct {
	conn   net.Conn
	seat   *Seat
	answer func(request []byte) []byte // nil: net/http answers from now on
	armed  time.Time                   // when deadlines were set last; zero: net/http's hold
}

// NewAtOnce returns one for what c reads. answer gives the whole answer to a whole
// request, or nil where net/http shall answer; neither keeps the other's bytes.
// Where it is nil itself net/http answers all.
func NewAtOnce(c net.Conn, seat *Seat, answer func(request []byte) []byte) AtOnce {
	return AtOnce{conn: c, seat: seat, answer: answer}
}

// Read reads for net/http.
func (a *AtOnce) Read(b []byte) (int, error) {
	n, err := a.conn.Read(b)
	for a.answer != nil {
		var answer []byte
		if n > 0 && err == nil {
			answer = a.answer(b[:n])
		}
		if answer == nil {
			a.handOver()
			break
		}
		a.extend()
		a.seat.asked()
		if _, err := a.conn.Write(answer); err != nil {
			a.handOver()
			return 0, err
		}
		n, err = a.conn.Read(b)
	}
	return n, err
}

// armedFor is how long deadlines stand before they are set anew: setting one costs
// more than knowing what time it is.
const armedFor = time.Second

// extend gives the answer its time, and the next request too.
func (a *AtOnce) extend() {
	now := time.Now()
	if now.Sub(a.armed) < armedFor {
		return
	}
	a.armed = now
	_ = a.conn.SetReadDeadline(now.Add(idleTimeout))
	_ = a.conn.SetWriteDeadline(now.Add(answerTimeout))
}

// handOver leaves the connection to net/http as that leaves it to itself between
// two requests, when the second has begun.
func (a *AtOnce) handOver() {
	a.answer = nil
	if a.armed.IsZero() {
		return
	}
	_ = a.conn.SetReadDeadline(time.Now().Add(headerTimeout))
	_ = a.conn.SetWriteDeadline(time.Time{})
}
