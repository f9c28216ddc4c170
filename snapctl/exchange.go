package snapctl

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Call sends one request to the daemon that listens on socket and waits for the
// response, at most for timeout. An error means that there is no response: the
// daemon is not there, does not answer, or is not pkgd.
func Call(socket string, r Request, timeout time.Duration) (Response, error) {
	request := message(r) // before, for the daemon then waits for it
	c, err := dial(socket, time.Now().Add(timeout))
	if err != nil {
		return Response{}, err
	}
	defer c.close()
	// A daemon that refuses early may close before it has read everything;
	// its answer says more than our failed write.
	werr := c.write(request)
	body, err := c.answer()
	if err != nil && werr != nil {
		err = werr
	}
	if err != nil {
		return Response{}, err
	}
	resp, ok := parseResponse(body)
	if !ok || resp.ExitCode < 0 || resp.ExitCode > 2 {
		return Response{}, errGarbled
	}
	return resp, nil
}

// head is how a request begins, up to the number of its body's bytes. HTTP/1.0
// asks for one answer that is not chunked and then the end of the connection,
// which is all there is to understand.
const head = "POST /v1/ctl HTTP/1.0\r\nHost: pkgd\r\nContent-Type: application/json\r\nContent-Length: "

// message is the whole request.
func message(r Request) []byte {
	body := appendRequest(nil, r)
	b := make([]byte, 0, len(body)+128)
	b = append(b, head...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// WholeRequest gives the body of a request that is exactly as [Call] sends it,
// and false for anything else, for a part of one and for more than one.
func WholeRequest(b []byte) (body []byte, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(head))
	if !ok {
		return nil, false
	}
	length, body, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	return body, ok && string(length) == strconv.Itoa(len(body))
}

// answer reads until the response is whole and returns its body.
func (c *conn) answer() ([]byte, error) {
	b := make([]byte, 0, 4096)
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
		n, err := c.read(b[len(b):cap(b)])
		if err != nil {
			return nil, err
		}
		b = b[:len(b)+n]
		if body, whole, ok := parseMessage(b, n == 0); !ok {
			return nil, errGarbled
		} else if whole {
			return body, nil
		}
		if len(b) > maxResponse {
			return nil, errTooLarge
		}
	}
}

// parseMessage looks for a whole response in what has come so far; ended says
// that no more will. Not ok is what never becomes one. The status code adds
// nothing: every answer of pkgd's carries a response, and others' do not parse.
func parseMessage(b []byte, ended bool) (body []byte, whole, ok bool) {
	start, rest, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return nil, false, !ended
	}
	length, ok := contentLength(string(start))
	if !ok || !bytes.HasPrefix(start, []byte("HTTP/1.")) {
		return nil, false, false
	}
	if length < 0 {
		return rest, ended, true
	}
	if len(rest) < length {
		return nil, false, !ended
	}
	return rest[:length], true, true
}

// contentLength finds the length of the body, -1 if it is not given.
func contentLength(head string) (n int, ok bool) {
	n = -1
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "transfer-encoding":
			return 0, false
		case "content-length":
			u, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil {
				return 0, false
			}
			n = int(u)
		}
	}
	return n, true
}
