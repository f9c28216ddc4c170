package httpserver_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/daemon/httpserver"
)

// hasty is a connection on which "PING" is answered at once.
type hasty struct {
	*seated
	first httpserver.AtOnce
}

func (c *hasty) Read(b []byte) (int, error) { return c.first.Read(b) }

const pong = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nPONG"

func answerPing(request []byte) []byte {
	if string(request) == "PING" {
		return []byte(pong)
	}
	return nil
}

// dialHasty is dial for such a connection.
func (p *pipes) dialHasty(crowd *httpserver.Crowd, party string) net.Conn {
	client, server := net.Pipe()
	c := &hasty{seated: &seated{Conn: server}}
	c.seat = crowd.Enter(party, func() { server.Close() })
	c.first = httpserver.NewAtOnce(server, c.seat, answerPing)
	p.come <- c
	return client
}

// ping asks for what is answered at once, and gives the answer.
func ping(t *testing.T, c net.Conn) string {
	t.Helper()
	if _, err := io.WriteString(c, "PING"); err != nil {
		return err.Error()
	}
	return answer(c)
}

func TestWhoIsAnsweredAtOnceHasTheLimitsOfAll(t *testing.T) {
	for what, row := range map[string]struct {
		pings int
		text  string
		most  time.Duration
	}{
		"no word at all":               {0, "", httpserver.HeaderTimeout},
		"a first head without its end": {0, "GET / HT", httpserver.HeaderTimeout},
		"nothing more":                 {3, "", httpserver.IdleTimeout},
		"a later head without its end": {3, "GET / HT", httpserver.HeaderTimeout},
		"a later body that never ends": {3, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1", httpserver.BodyTimeout},
		"an answer that nobody reads":  {3, "PING", httpserver.AnswerTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := serve(t, refuse)
			c := l.dialHasty(httpserver.NewCrowd(9, 9), "a")
			defer c.Close()
			for range row.pings {
				if got := ping(t, c); got != "PONG" {
					t.Errorf("%s: %q", what, got)
				}
				<-time.After(5 * time.Second) // longer than a deadline stands, and all together than that of a head
			}
			start := time.Now()
			if row.text != "" { // which would be a read of nothing
				if _, err := io.WriteString(c, row.text); err != nil {
					t.Fatal(err)
				}
			}
			if row.text == "PING" {
				<-time.After(row.most + time.Millisecond)
			}
			_, _ = io.Copy(io.Discard, c)
			if got := time.Since(start); got > row.most+time.Second || got < row.most-6*time.Second {
				t.Errorf("%s: held its connection for %v, want %v", what, got, row.most)
			}
		})
	}
}

// TestAnOldDeadlineHoldsNoLaterAnswer: net/http sets none where it refuses.
func TestAnOldDeadlineHoldsNoLaterAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, refuse)
		c := l.dialHasty(httpserver.NewCrowd(9, 9), "a")
		defer c.Close()
		if got := ping(t, c); got != "PONG" {
			t.Error(got)
		}
		<-time.After(httpserver.AnswerTimeout + time.Second)
		go func() { _, _ = io.WriteString(c, "no HTTP\r\n\r\n") }()
		if got := answer(c); got != "400 Bad Request" {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatFollowsAnUnknownRequestIsNeverAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, string(b)+" from net/http")
		})
		c := l.dialHasty(httpserver.NewCrowd(9, 9), "a")
		defer c.Close()
		if got := ping(t, c); got != "PONG" {
			t.Error(got)
		}
		in := bufio.NewReader(c)
		for range 2 {
			for _, part := range []string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "PING"} {
				if _, err := io.WriteString(c, part); err != nil {
					t.Fatal(err)
				}
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := io.ReadAll(resp.Body); string(b) != "PING from net/http" {
				t.Errorf("got %q", b)
			}
		}
	})
}

// TestWhoIsAnsweredAtOnceKeepsItsSeat: of two who are connected, the one that asks
// now and then stays when a third comes, though it was first.
func TestWhoIsAnsweredAtOnceKeepsItsSeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := serve(t, refuse)
		crowd := httpserver.NewCrowd(2, 2)
		polling, silent := l.dialHasty(crowd, "a"), l.dialHasty(crowd, "a")
		if got := ping(t, polling); got != "PONG" {
			t.Error(got)
		}
		third := l.dialHasty(crowd, "b")
		if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("who was silent got %v", err)
		}
		for _, c := range []net.Conn{polling, third} {
			if got := ping(t, c); got != "PONG" {
				t.Error(got)
			}
			c.Close()
		}
	})
}

func TestStopHangsUpOnWhoWasAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		s := httpserver.New(http.HandlerFunc(refuse), nil, slog.New(slog.DiscardHandler))
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		c := l.dialHasty(httpserver.NewCrowd(9, 9), "a")
		if got := ping(t, c); got != "PONG" {
			t.Error(got)
		}
		begun := time.Now()
		s.Stop()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
