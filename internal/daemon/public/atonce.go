package public

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// atOnce answers what pollers send a thousand times, a GET or HEAD of what is well
// known with nothing in it that could change the answer, as net/http would to the
// byte. It gives nil for all else: then net/http answers.
func (s *Server) atOnce(r *rules, request []byte) []byte {
	if len(r.listener.Allow) > 0 || s.ending.Load() != nil {
		return nil
	}
	for i := range openings {
		o := &openings[i]
		if head, ok := bytes.CutPrefix(request, o.line); ok && harmless(head) {
			return s.written(o, r)
		}
	}
	return nil
}

// opening is the first line of a request that may be answered at once.
type opening struct {
	line   []byte
	body   bool // is wanted
	health bool // of the packages, not of pkgd
}

var openings = newOpenings()

func newOpenings() (all []opening) {
	for _, path := range []string{"/livez", "/health", "/healthz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			line := []byte(method + " " + path + " HTTP/1.1\r\n")
			all = append(all, opening{line, method == http.MethodGet, path == "/health"})
		}
	}
	return all
}

// written is the answer, or nil where it takes more than a look.
func (s *Server) written(o *opening, r *rules) []byte {
	now := time.Now()
	if o.health {
		m := s.moment()
		return m.wires[r.expose].at(now, o.body, func() answer {
			a := m.answer(r.expose, healthKind)
			a.status, _ = httpStatus(m.status, "")
			return a
		})
	}
	if s.late(now) > livenessLimit {
		return nil
	}
	return s.wells.at(now, o.body, func() answer { return wellAnswer })
}

// wire keeps an answer as it goes over the wire, for the second that is in it.
type wire struct{ newest atomic.Pointer[wired] }

type wired struct {
	second int64
	bytes  []byte
	head   int // of the bytes; the others are the body
}

// at gives the answer's bytes at a time. Nobody may change them.
func (w *wire) at(now time.Time, body bool, a func() answer) []byte {
	one := w.newest.Load()
	if one == nil || one.second != now.Unix() {
		one = newWired(now, a())
		w.newest.Store(one)
	}
	if body {
		return one.bytes
	}
	return one.bytes[:one.head:one.head]
}

// newWired writes an answer in the order of net/http: what the handler has set by
// name, then the date.
func newWired(now time.Time, a answer) *wired {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	h := http.Header{}
	a.fill(h)
	_ = h.Write(&b) // a buffer takes all
	b.WriteString("Date: " + now.UTC().Format(http.TimeFormat) + "\r\n\r\n")
	head := b.Len()
	b.Write(a.body)
	return &wired{now.Unix(), b.Bytes(), head}
}

// harmless says that the headers are complete, that nothing follows them, that
// they are those that HTTP/1.1 wants, and that none of them, nor what is odd in
// one, could make for another answer.
func harmless(head []byte) bool {
	hosts := 0
	for {
		line, rest, ok := bytes.Cut(head, []byte("\r\n"))
		if !ok {
			return false
		}
		if len(line) == 0 {
			return len(rest) == 0 && hosts == 1
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !printable(line) || !indifferent(name, bytes.Trim(value, " "), &hosts) {
			return false
		}
		head = rest
	}
}

// printable says that a line is of ASCII without controls: no letter of another
// script folds to an ASCII one, and no end of a line is but half of one.
func printable(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// indifferent says that with a header the answer is the one without it, and
// counts the hosts.
func indifferent(name, value []byte, hosts *int) bool {
	switch {
	case is(name, "host"):
		*hosts++
		return isHost(value)
	case is(name, "accept"):
		return string(value) == "*/*"
	case is(name, "connection"):
		return is(value, "keep-alive")
	}
	return is(name, "user-agent") || is(name, "accept-encoding")
}

func is(word []byte, lower string) bool {
	return len(word) == len(lower) && bytes.EqualFold(word, []byte(lower))
}

// isHost knows fewer hosts than there may be.
func isHost(value []byte) bool {
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return len(value) > 0
}
