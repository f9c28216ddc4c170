package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// offered is how many ctl calls come in a second, whether they can be answered or
// not; underway is how many may wait for their answer.
const (
	offered  = 10_000
	underway = 2000
)

// tally is what became of calls.
type tally struct {
	done, busy, failed atomic.Int64
	taken              sync.Map // of "package value": what was set
}

// TestTenThousandCallsASecond offers so many ctl calls for a while: each is
// answered or told that there are too many, health is told meanwhile, and what was
// taken is there afterwards.
func TestTenThousandCallsASecond(t *testing.T) {
	const n = 100
	h := newHost(t, n)
	h.install()
	cookies := h.cookies(n)
	before := h.Figures()
	var said tally
	var all sync.WaitGroup
	room := make(chan struct{}, underway)
	sent := 0
	began := time.Now()
	for ; time.Since(began) < *span; sent++ {
		if ahead := time.Duration(sent)*time.Second/offered - time.Since(began); ahead > 0 {
			time.Sleep(ahead)
		}
		if sent%offered == 0 {
			if _, err := h.Client.Health(h.Context()); err != nil {
				t.Errorf("health is silent: %v", err)
			}
		}
		room <- struct{}{}
		i := sent
		all.Go(func() {
			defer func() { <-room }()
			h.take(&said, cookies, i)
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if said.failed.Load() > 0 || said.done.Load()+said.busy.Load() != int64(sent) {
		t.Errorf("of %d calls %d were done, %d turned away and %d failed", sent, said.done.Load(), said.busy.Load(), said.failed.Load())
	}
	h.remembers(&said, n)
	report(t, row{
		fmt.Sprintf("%d ctl calls a second offered, of %d packages, for %v", offered, n, *span),
		fmt.Sprintf("%d calls came, %d answered (%.0f a second), %d told to come again", sent, said.done.Load(), float64(said.done.Load())/elapsed.Seconds(), said.busy.Load()),
		flat(t, before, h.rested(before)), "nothing",
	})
}

// take makes one call: most say that all is well or ask, some set a value.
func (h *host) take(said *tally, cookies []string, i int) {
	words := []string{"set-health", "active"}
	switch i / len(cookies) % 10 {
	case 3:
		words = []string{"get", "n"}
	case 5:
		words = []string{"set", fmt.Sprintf("n=%d", i)}
	case 7:
		words = []string{"services"}
	}
	resp, status, err := h.callOnce(cookies[i%len(cookies)], words...)
	switch {
	case err != nil:
		said.failed.Add(1)
		h.t.Logf("%v: %v", words, err)
	case strings.Contains(resp.Stderr, "try again in a moment"):
		said.busy.Add(1)
	case status == http.StatusOK && resp.ExitCode == 0:
		said.done.Add(1)
		if words[0] == "set" {
			said.taken.Store(fmt.Sprintf("p%04d %d", i%len(cookies), i), nil)
		}
	default:
		said.failed.Add(1)
		h.t.Logf("%v: %d %+v", words, status, resp)
	}
}

// remembers checks that each package has a value that was taken.
func (h *host) remembers(said *tally, n int) {
	h.t.Helper()
	for i := range n {
		name := fmt.Sprintf("p%04d", i)
		value, err := h.Client.Config(h.Context(), name, []string{"n"})
		if _, ok := said.taken.Load(name + " " + string(value)); !ok {
			h.t.Errorf("%s has %s (%v), which was not taken", name, value, err)
		}
	}
}

// callOnce makes one call on a connection of its own, as ctl does.
func (h *host) callOnce(cookie string, words ...string) (resp api.CtlResponse, status int, err error) {
	body, err := json.Marshal(api.CtlRequest{Cookie: cookie, Args: words})
	if err != nil {
		return resp, 0, err
	}
	c, err := dialBusy(h.Dirs.CtlSocket())
	if err != nil {
		return resp, 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // ends what hangs
	if _, err := fmt.Fprintf(c, "POST /v1/ctl HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return resp, 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return resp, 0, err
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return resp, 0, err
	}
	return resp, answer.StatusCode, json.Unmarshal(b, &resp)
}

// dialBusy connects also where those who come are more than are taken in.
func dialBusy(socket string) (c net.Conn, err error) {
	for over := time.Now().Add(time.Minute); time.Now().Before(over); {
		if c, err = net.Dial("unix", socket); !errors.Is(err, syscall.EAGAIN) {
			return c, err
		}
		time.Sleep(time.Millisecond)
	}
	return c, err
}
