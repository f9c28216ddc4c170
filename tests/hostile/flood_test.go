package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/daemontest"
)

// crowdOf is how many connections who means harm opens: 10,000, or as many as
// this process may.
func crowdOf(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(10_000, int(limit.Cur)-500)
}

// crowd is many connections of one attacker.
type crowd struct{ conns []net.Conn }

// gather opens n connections and says something on each. Who is turned away or
// hung up on is replaced by no other.
func gather(t *testing.T, from dial, n int, say string) *crowd {
	t.Helper()
	c := &crowd{}
	for range n {
		conn, err := dialBusy(from)
		if err != nil {
			t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		_, _ = io.WriteString(conn, say)
	}
	return c
}

// dialBusy connects also where those who come are more than are taken in.
func dialBusy(from dial) (c net.Conn, err error) {
	for over := time.Now().Add(time.Minute); time.Now().Before(over); {
		if c, err = from(); !errors.Is(err, syscall.EAGAIN) {
			return c, err
		}
	}
	return c, err
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// awaitEnd waits until the daemon has hung up on all of them.
func (c *crowd) awaitEnd(t *testing.T) {
	t.Helper()
	for _, conn := range c.conns {
		_ = conn.SetReadDeadline(time.Now().Add(daemontest.Patience))
		_, err := io.Copy(io.Discard, conn)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Fatal("a connection was never hung up on")
		}
	}
}

// after checks that an attack has left nothing in the daemon.
func (w *world) after(t *testing.T, before daemontest.Figures) {
	t.Helper()
	now := w.BackTo(before)
	t.Logf("before: %v", before)
	t.Logf("after:  %v", now)
	if now.Peak > 512<<20 {
		t.Errorf("the daemon has grown to %d MiB", now.Peak>>20)
	}
}

// TestTenThousandConnectionsShutNobodyOut opens them at each place, first silent,
// then with half a request, then with a whole one and kept open, then such as ask
// without end and read nothing.
func TestTenThousandConnectionsShutNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	n := crowdOf(t)
	for _, p := range w.places() {
		for what, say := range map[string]string{
			"silent": "", "half a request": "GET / HTTP/1.1\r\nHost: x\r\nX-", "kept open": get(p.path),
			"never read": strings.Repeat(get(p.path), 100),
		} {
			n := n
			if what != "silent" {
				n /= 20
			}
			t.Run(p.name+"/"+what, func(t *testing.T) {
				defer gather(t, p.from, n, say).leave()
				w.served(t, fmt.Sprintf("%d connections, %s", n, what))
			})
		}
	}
	w.after(t, before)
}

// TestManyAddressesShutNobodyOut comes from more addresses than there is room for
// connections of each.
func TestManyAddressesShutNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	for what, at := range map[string]string{"probes": w.probes, "agent": w.agent} {
		t.Run(what, func(t *testing.T) {
			for i := range 40 {
				from := dialer("tcp", at, fmt.Sprintf("127.0.1.%d", i+1))
				defer gather(t, from, crowdOf(t)/40, "").leave()
			}
			w.served(t, "many addresses")
		})
	}
	w.after(t, before)
}

// TestListenersWhoNeverReadAreNoLoad opens streams of events and lets them fill.
func TestListenersWhoNeverReadAreNoLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	var listeners []*crowd
	paths := map[string]string{"admin socket": "/v1/events", "unix socket of probes": "/events", "TCP": "/events"}
	for _, p := range w.places() {
		if path := paths[p.name]; path != "" {
			listeners = append(listeners, gather(t, p.from, 1000, get(path)))
		}
	}
	for i := range 20 {
		id, err := w.Client.SetConfig(w.Context(), "web", api.ConfigRequest{"port": fmt.Append(nil, i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Client.WaitChange(w.Context(), id); err != nil {
			t.Fatal(err)
		}
		w.served(t, "streams that nobody reads")
	}
	for _, c := range listeners {
		c.leave()
	}
	w.after(t, before)
}

// TestSlowSpeakersAreHungUpOn lets a head, a body and chunks come byte by byte, at
// every place, until the daemon has had enough.
func TestSlowSpeakersAreHungUpOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	var slow []*crowd
	for _, p := range w.places() {
		for _, say := range []string{
			"", "GET / HTTP/1.1\r\nHost: x\r\nX-", "POST /v1/ctl HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
			"POST /v1/packages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{",
		} {
			slow = append(slow, gather(t, p.from, 20, say))
		}
	}
	stop, ended := make(chan struct{}), &sync.WaitGroup{}
	ended.Go(func() { drip(slow, stop) })
	w.served(t, "slow speakers")
	for _, c := range slow {
		c.awaitEnd(t)
	}
	close(stop)
	ended.Wait()
	for _, c := range slow {
		c.leave()
	}
	w.after(t, before)
}

// drip says one more byte on each connection, again and again.
func drip(all []*crowd, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, c := range all {
			for _, conn := range c.conns {
				_, _ = io.WriteString(conn, "a")
			}
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}
