package public_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/daemon/public"
)

// starved is a listener for whom there are no descriptors the first times.
type starved struct {
	net.Listener // nil: all that is asked of it is here
	left         atomic.Int64
	conn         net.Conn
}

func (l *starved) Accept() (net.Conn, error) {
	switch n := l.left.Add(-1); {
	case n >= 0:
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	case n == -1:
		return l.conn, nil
	}
	return nil, net.ErrClosed
}

func TestAgentOutlivesAHostWithoutDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := &starved{conn: theirs}
		l.left.Store(50)
		began := time.Now()
		said := make(chan string, 1)
		go func() {
			line, _ := io.ReadAll(ours)
			said <- string(line)
		}()
		if err := public.ServeAgent(t.Context(), l, func() string { return "ready up 100%" }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if got := <-said; got != "ready up 100%\n" {
			t.Errorf("got %q", got)
		}
		if time.Since(began) < time.Second {
			t.Errorf("50 tries within %v keep the host busy", time.Since(began))
		}
	})
}

func TestAgentThatWaitsForDescriptorsEndsWhenItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l := &starved{}
		l.left.Store(1 << 40)
		if err := public.ServeAgent(ctx, l, nil); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("ended with %v", err)
		}
	})
}
