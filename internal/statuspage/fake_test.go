package statuspage_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/statuspage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeHost is a host's health and packages as a test wants them.
type fakeHost struct {
	mu     sync.Mutex // guards all
	recs   []api.Record
	past   map[string][]api.Transition
	whys   map[string]api.Why
	snap   *healthstate.Snapshot
	reads  int
	hang   chan struct{} // History waits for it; nil: it does not
	heard  func(api.Transition, api.Record)
	events func(api.Event)
}

func newFakeHost(recs ...api.Record) *fakeHost {
	h := &fakeHost{past: map[string][]api.Transition{}, whys: map[string]api.Why{}}
	h.set(recs...)
	return h
}

func (h *fakeHost) set(recs ...api.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recs = recs
	h.snap = healthstate.NewSnapshot(slices.Clone(recs), time.Now(), fmt.Sprint(recs), nil)
}

func (h *fakeHost) Snapshot() *healthstate.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.snap
}

func (h *fakeHost) History(name string, _ int) ([]api.Transition, error) {
	h.mu.Lock()
	h.reads++
	past, hang := h.past[name], h.hang
	h.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return past, nil
}

// hangs makes readings wait until h.hang is closed.
func (h *fakeHost) hangs() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hang = make(chan struct{})
}

func (h *fakeHost) readings() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads
}

func (h *fakeHost) Subscribe(f func(api.Transition, api.Record)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = f
	return func() {}
}

// turns tells that a package has become something else.
func (h *fakeHost) turns(rec api.Record) {
	h.set(rec)
	h.mu.Lock()
	tell := h.heard
	h.mu.Unlock()
	tell(api.Transition{At: time.Now(), Package: rec.Package, To: rec.Status}, rec)
}

type fakePackages struct{ *fakeHost }

func (p fakePackages) Why(name string) (api.Why, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.whys[name]; ok {
		return w, nil
	}
	return api.Why{}, &api.Error{Kind: api.ErrNotFound, Message: "nothing has happened"}
}

func (p fakePackages) Subscribe(f func(api.Event)) (cancel func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = f
	return func() {}
}

// newPage is a page of h, with nobody who keeps it up to date.
func newPage(h *fakeHost) *statuspage.Page {
	return statuspage.New(statuspage.Options{
		Health: h, Packages: fakePackages{h}, Host: "host-of-zebra", Version: "9.8.7-pkgd", Streams: 2,
	})
}
