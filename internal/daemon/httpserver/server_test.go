package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/daemon/httpserver"
)

// pipes is a listener whose connections are in memory, so that time can be the
// bubble's.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{come: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial gives a client its end; seat, where not nil, is the connection's.
func (p *pipes) dial(crowd *httpserver.Crowd, party string) net.Conn {
	client, server := net.Pipe()
	if crowd == nil {
		p.come <- server
		return client
	}
	c := &seated{Conn: server}
	c.seat = crowd.Enter(party, func() { server.Close() })
	p.come <- c
	return client
}

type seated struct {
	net.Conn
	seat *httpserver.Seat
}

func (c *seated) Seat() *httpserver.Seat { return c.seat }
func (c *seated) Close() error           { c.seat.Leave(); return c.Conn.Close() }

// serve starts a server, to be called in a bubble, whose clock it lives by.
func serve(t *testing.T, h http.HandlerFunc) *pipes {
	l := newPipes()
	s := httpserver.New(h, nil, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

// lasts is how long the server keeps a connection on which text was sent.
func lasts(t *testing.T, c net.Conn, text string) time.Duration {
	t.Helper()
	start := time.Now()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, c)
	return time.Since(start)
}

func refuse(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }

func TestWhoNeverFinishesSpeakingIsHungUpOn(t *testing.T) {
	for what, row := range map[string]struct {
		text string
		most time.Duration
	}{
		"a head":                         {"GET / HT", httpserver.HeaderTimeout},
		"a body that nobody reads":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1", httpserver.BodyTimeout},
		"chunks that nobody reads":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1", httpserver.BodyTimeout},
		"a body of GET that nobody read": {"GET / HTTP/1.0\r\nContent-Length: 100000\r\n\r\n", httpserver.BodyTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := serve(t, refuse)
			if got := lasts(t, l.dial(nil, ""), row.text); got > row.most+time.Second {
				t.Errorf("%s: held its connection for %v", what, got)
			}
		})
	}
}

func TestWhoNeverReadsIsHungUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		l := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
			ended <- err
		})
		c := l.dial(nil, "")
		start := time.Now()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil || time.Since(start) > httpserver.AnswerTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		c.Close()
	})
}

func TestAnswerMayTakeItsTimeAfterTheBodyHasCome(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			http.Error(w, "the request ended", http.StatusInternalServerError)
		case <-time.After(time.Hour):
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(w, "at last")
		}
	}
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, slow)
		c := l.dial(nil, "")
		if _, err := io.WriteString(c, "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); string(b) != "at last" {
			t.Errorf("%s: %s", resp.Status, b)
		}
	})
}

// TestAskingKeepsASeatAndTricklingDoesNot: with room for two, one who is being
// answered stays, and one who never finishes speaking gives way.
func TestAskingKeepsASeatAndTricklingDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, finish := context.WithCancel(t.Context())
		l := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			if r.URL.Path == "/wait" {
				<-ctx.Done()
			}
			_, _ = io.WriteString(w, r.URL.Path)
		})
		crowd := httpserver.NewCrowd(2, 2)
		asking, trickling := l.dial(crowd, "a"), l.dial(crowd, "a")
		ask(t, asking, "/wait")
		if _, err := io.WriteString(trickling, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		third := l.dial(crowd, "b")
		ask(t, third, "/third")
		if got := answer(third); got != "/third" {
			t.Errorf("who came third got %q", got)
		}
		if _, err := trickling.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("who trickled got %v", err)
		}
		finish()
		if got := answer(asking); got != "/wait" {
			t.Errorf("who asked got %q", got)
		}
	})
}

func ask(t *testing.T, c net.Conn, path string) {
	t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

func answer(c net.Conn) string {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
