package hostile

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// bodies are posts of a body each as admins and hooks may make them.
var bodies = []string{"/v1/packages", "/v1/config/web", "/v1/ctl"}

// posted gives the answer to a body that is declared and then written by send,
// which is hung up on or not.
func posted(from dial, path, declared string, send func(w io.Writer)) (string, error) {
	c, err := dialBusy(from)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", path, declared); err == nil {
			send(c)
		}
	}()
	b, err := io.ReadAll(c)
	c.Close()
	<-sent
	return string(b), err
}

const gigabyte = 1 << 30

// TestGigabytesAreNotTakenIn streams a body of one, declared and in chunks, to
// every place. The daemon must not grow, nor read it all.
func TestGigabytesAreNotTakenIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	block := strings.Repeat("[", 1<<20)
	for _, p := range w.places() {
		for _, path := range bodies {
			for declared, send := range map[string]func(io.Writer) error{
				fmt.Sprintf("Content-Length: %d", gigabyte): func(c io.Writer) error { _, err := io.WriteString(c, block); return err },
				"Transfer-Encoding: chunked":                func(c io.Writer) error { _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(block), block); return err },
			} {
				taken := 0
				// What it says may be lost together with what it did not read.
				_, _ = posted(p.from, path, declared, func(c io.Writer) {
					for taken < gigabyte && send(c) == nil {
						taken += len(block)
					}
				})
				if taken > 64<<20 {
					t.Errorf("%s: %s %s: %d MiB were taken", p.name, path, declared, taken>>20)
				}
			}
		}
		w.served(t, "gigabytes at "+p.name)
	}
	w.after(t, before)
}

// nested are JSON bodies that are deeper than a stack should be.
var nested = map[string]string{
	"arrays":          strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
	"objects":         strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
	"an open end":     strings.Repeat("[", 500_000),
	"in a field":      `{"action":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
	"in a value":      `{"port":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + `}`,
	"in what is sent": `{"cookie":"","args":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
	"unknown":         `{"cookie":"","args":[],"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
}

func TestDeepJSONIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	before := w.state()
	for _, p := range w.places() {
		for name, body := range nested {
			for _, path := range bodies {
				text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
				got, _ := raw(p.from, text, true) // who is refused at once may not hear it, still sending
				for _, status := range responses(got) {
					if status < 400 || status >= 500 || len(got) > 4096 {
						t.Errorf("%s: %s to %s: %.300s", p.name, name, path, got)
					}
				}
			}
		}
	}
	if after := w.state(); after != before {
		t.Error("something has changed")
	}
	w.served(t, "deep JSON")
}

// heads are requests whose heads are too much for anybody.
var heads = map[string]string{
	"one header of a mebibyte": "GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
	"a path of a mebibyte":     "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	"a method of a mebibyte":   strings.Repeat("A", 1<<20) + " / HTTP/1.1\r\nHost: x\r\n\r\n",
	"10,000 headers":           "GET /livez HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: 0123456789\r\n", 10_000) + "\r\n",
	"100,000 empty headers":    "GET /livez HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X:\r\n", 100_000) + "\r\n",
	"no end of empty lines":    strings.Repeat("\r\n", 1<<20),
	"a folded header":          "GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n" + strings.Repeat(" a\r\n", 100_000) + "\r\n",
}

func TestHugeHeadsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	var all sync.WaitGroup
	for _, p := range w.places() {
		for name, text := range heads {
			all.Go(func() {
				got, _ := raw(p.from, text, true) // what it says may be lost with what it did not read
				for _, status := range responses(got) {
					if status < 400 || status >= 500 {
						t.Errorf("%s: %s: %d", p.name, name, status)
					}
				}
			})
		}
	}
	w.served(t, "huge heads")
	all.Wait()
	w.after(t, before)
}

// hold is a request that changes something, and stands where nobody should take it
// for a request of its own.
const hold = "POST /v1/packages HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n{\"action\":\"hold\",\"targets\":[\"web\"]}"

// smuggled are requests that two readers might cut at different places; each with
// how many responses a reader gives who cuts as the standard has it.
var smuggled = map[string]struct {
	text string
	most int
}{
	"length and chunks":          {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + "X", 1},
	"a request within a length":  {fmt.Sprintf("POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(hold), hold), 1},
	"a request within a chunk":   {fmt.Sprintf("POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(hold), hold), 1},
	"two lengths":                {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 163\r\n\r\n" + hold, 1},
	"a list of lengths":          {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 163\r\n\r\n" + hold, 1},
	"a negative length":          {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + hold, 1},
	"a signed length":            {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + hold, 1},
	"a length beyond numbers":    {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n" + hold, 1},
	"a length in hexadecimal":    {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n" + hold, 1},
	"a space before the colon":   {"POST /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n" + hold, 1},
	"an unknown coding":          {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + hold, 1},
	"two codings":                {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hold, 1},
	"a coding in another line":   {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 1},
	"a coding with a tab":        {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + hold, 1},
	"chunks for HTTP/1.0":        {"POST /v1/none HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hold, 1},
	"a chunk that is no number":  {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + hold, 1},
	"a chunk of minus one":       {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + hold, 1},
	"a chunk beyond numbers":     {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n" + hold, 1},
	"a chunk longer than it":     {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + hold, 1},
	"an endless chunk extension": {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 1<<20) + "\r\na\r\n0\r\n\r\n" + hold, 1},
	"a bare line feed in chunks": {"POST /v1/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;\na\r\n0\r\n\r\n" + hold, 1},
	"a header with a null":       {"POST /v1/none HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n" + hold, 1},
	"a header with a return":     {"POST /v1/none HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 0\r\n\r\n" + hold, 1},
	"two hosts":                  {"POST /v1/none HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hold, 1},
	"no host":                    {"POST /v1/none HTTP/1.1\r\n\r\n" + hold, 1},
	"HTTP/0.9":                   {"GET /v1/none\r\n" + hold, 1},
	"HTTP/2":                     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1},
	"an upgrade":                 {"GET /v1/none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 1},
	"TLS":                        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 500), 1},
	"noise":                      {strings.Repeat("\x00\xff\xfe\r\n", 1000), 1},
}

// TestNoRequestIsSmuggledInAnother sends them, then what they hide must not have
// happened: web is held by nobody.
func TestNoRequestIsSmuggledInAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	before := w.state()
	for _, p := range w.places() {
		for name, s := range smuggled {
			got, _ := raw(func() (net.Conn, error) { return dialBusy(p.from) }, s.text, true)
			statuses := responses(got)
			if len(statuses) > s.most {
				t.Errorf("%s: %s: %v", p.name, name, statuses)
			}
			for _, status := range statuses {
				if status < 400 || status == 500 {
					t.Errorf("%s: %s: %v", p.name, name, statuses)
				}
			}
		}
	}
	if after := w.state(); after != before {
		t.Error("something has changed: a request was taken out of another")
	}
	// By itself it is a request that does something, or nothing would be shown here.
	if got, err := raw(dialer("unix", w.Dirs.AdminSocket(), ""), hold, true); err != nil || w.state() == before {
		t.Errorf("what was hidden does nothing: %s %v", got, err)
	}
	w.served(t, "odd requests")
}

// TestHalfClosedConnectionsAreAnswered ends the client's side before the answer,
// as nc and socat do, and at once, saying nothing.
func TestHalfClosedConnectionsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	for _, p := range w.places() {
		got, err := raw(p.from, get(p.path), true)
		if statuses := responses(got); err != nil || len(statuses) != 1 {
			t.Errorf("%s: %v %v", p.name, statuses, err)
		}
		got, err = raw(p.from, "", true)
		if statuses := responses(got); err != nil || len(statuses) > 0 {
			t.Errorf("%s: %v %v to nothing", p.name, statuses, err)
		}
		silent := gather(t, p.from, 500, "")
		for _, c := range silent.conns {
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
		}
		w.served(t, "half-closed connections")
		silent.awaitEnd(t)
		silent.leave()
	}
	w.after(t, before)
}
