package statuspage_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/statuspage"
)

func ask(p *statuspage.Page, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Serve(w, httptest.NewRequest(method, path, nil), "full")
	return w
}

// alive runs f beside a page that is kept up to date, in a bubble where time
// passes at once.
func alive(t *testing.T, f func(t *testing.T, ctx context.Context, h *fakeHost, p *statuspage.Page)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := zebra()
		p := newPage(h)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.Run(ctx) })
		synctest.Wait()
		f(t, ctx, h, p)
		cancel()
		wg.Wait()
	})
}

func TestAThousandRequestsReadNothing(t *testing.T) {
	alive(t, func(t *testing.T, _ context.Context, h *fakeHost, p *statuspage.Page) {
		if n := h.readings(); n != 1 {
			t.Errorf("%d readings at the start, want 1", n)
		}
		for range 1000 {
			ask(p, "GET", "/")
		}
		synctest.Wait()
		if n := h.readings(); n != 1 {
			t.Errorf("%d readings after a thousand requests, want 1", n)
		}
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if n := h.readings(); n != 1 {
			t.Errorf("%d readings while nobody asked, want 1", n)
		}
		ask(p, "GET", "/")
		ask(p, "GET", "/")
		synctest.Wait()
		if n := h.readings(); n != 2 {
			t.Errorf("%d readings when somebody asked again later, want 2", n)
		}
	})
}

func TestThePageAnswersWhileTheDiskHangs(t *testing.T) {
	alive(t, func(t *testing.T, _ context.Context, h *fakeHost, p *statuspage.Page) {
		h.hangs()
		if text := ask(p, "GET", "/").Body.String(); !strings.Contains(text, "message of now") {
			t.Errorf("the page does not tell what is known without the disk:\n%s", text)
		}
		h.turns(api.Record{Package: "zebra", Status: "active"})
		if text := ask(p, "GET", "/").Body.String(); !strings.Contains(text, "The package is well") {
			t.Errorf("the page did not follow:\n%s", text)
		}
		synctest.Wait()
		if text := ask(p, "GET", "/").Body.String(); !strings.Contains(text, "The package is well") {
			t.Errorf("the page went back:\n%s", text)
		}
		close(h.hang)
	})
}

func TestNothingButThePageItselfMayBeLoaded(t *testing.T) {
	p := newPage(zebra())
	h := ask(p, "GET", "/").Header()
	policy := h.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("the policy is %q", policy)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	text := ask(p, "GET", "/").Body.String()
	for _, inline := range []string{"style=", "<style", "onclick", "http://", "https://"} {
		if strings.Contains(text, inline) {
			t.Errorf("the page has %q in it", inline)
		}
	}
}

func TestWhatThePageRefersToIsThereForEver(t *testing.T) {
	p := newPage(zebra())
	paths := regexp.MustCompile(`(?:src|href)="(page/[^"]+)"`).FindAllStringSubmatch(ask(p, "GET", "/").Body.String(), -1)
	if len(paths) != 3 {
		t.Fatalf("the page refers to %v, want style, script and icon", paths)
	}
	for _, path := range paths {
		w := ask(p, "GET", "/"+path[1])
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %v", path[1], w.Code, w.Header())
		}
	}
	for _, path := range []string{"/page/", "/page/style.css", "/page/000000000000/style.css", "/page/page.html", "/page/../serve.go", "/other"} {
		if w := ask(p, "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestMethodsThatChangeThingsAreRefused(t *testing.T) {
	p := newPage(zebra())
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if w := ask(p, method, "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	for _, method := range []string{"HEAD", "OPTIONS"} {
		for _, path := range []string{"/", "/events"} {
			if w := ask(p, method, path); w.Code != http.StatusOK || w.Body.Len() > 0 {
				t.Errorf("%s %s: %d with %d bytes", method, path, w.Code, w.Body.Len())
			}
		}
	}
}

func TestAStreamTellsWhatChangesAndOnlyThat(t *testing.T) {
	alive(t, func(t *testing.T, ctx context.Context, h *fakeHost, p *statuspage.Page) {
		w := httptest.NewRecorder()
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			defer close(ended)
			p.Serve(w, httptest.NewRequestWithContext(ctx, "GET", "/events", nil), "counts")
		}()
		synctest.Wait()
		h.turns(api.Record{Package: "zebra", Status: "active"})
		h.turns(api.Record{Package: "zebra", Status: "error"})
		<-time.After(time.Minute)
		cancel()
		<-ended
		var told []string
		for _, line := range strings.Split(w.Body.String(), "\n") {
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				told = append(told, text)
			}
		}
		if len(told) != 2 || !strings.Contains(told[0], `"blocked":1`) || !strings.Contains(told[1], `"error":1`) {
			t.Errorf("told %q, want the first state and the last", told)
		}
	})
}

// slow is a reader that takes the first words and no more.
type slow struct {
	http.ResponseWriter
	left     int
	deadline time.Time
}

func (s *slow) SetWriteDeadline(at time.Time) error {
	s.deadline = at
	return nil
}

func (s *slow) FlushError() error { return nil }

func (s *slow) Write(b []byte) (int, error) {
	if s.left--; s.left >= 0 {
		return len(b), nil
	}
	<-time.After(time.Until(s.deadline))
	return 0, os.ErrDeadlineExceeded
}

func TestASlowReaderIsDropped(t *testing.T) {
	alive(t, func(t *testing.T, ctx context.Context, h *fakeHost, p *statuspage.Page) {
		begun := time.Now()
		p.Serve(&slow{ResponseWriter: httptest.NewRecorder(), left: 3}, httptest.NewRequestWithContext(ctx, "GET", "/events", nil), "full")
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("it was dropped after %v only", took)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	alive(t, func(t *testing.T, ctx context.Context, h *fakeHost, p *statuspage.Page) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		watch := func(from string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(ctx, "GET", "/events", nil)
			r.RemoteAddr = from
			wg.Go(func() { p.Serve(w, r, "full") })
			synctest.Wait()
			return w
		}
		for _, one := range []struct{ from, refused string }{
			{"192.0.2.1:1", ""},
			{"192.0.2.1:2", "too many are watching from your address already\n"},
			{"[::ffff:192.0.2.1]:3", "too many are watching from your address already\n"},
			{"[2001:db8::1]:1", ""},
			{"192.0.2.2:1", "too many are watching already\n"},
			{"@", "too many are watching already\n"},
		} {
			w := watch(one.from)
			if one.refused == "" && w.Code == http.StatusOK {
				continue
			}
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Body.String() != one.refused {
				t.Errorf("%s: %d %q", one.from, w.Code, w.Body)
			}
		}
		cancel()
		wg.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		if w := watch("192.0.2.1:9"); w.Code != http.StatusOK {
			t.Errorf("after all have gone: %d %q", w.Code, w.Body)
		}
		cancel()
		wg.Wait()
	})
}

func TestNoAddressTakesMoreThanAQuarterOfTheStreams(t *testing.T) {
	watching := watch(t, 20, "192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8:0:1::1]:1", "192.0.2.2:1", "192.0.2.3:1")
	want := map[string]int{"192.0.2.1:1": 16, "[2001:db8::1]:1": 16, "[2001:db8:0:1::1]:1": 16, "192.0.2.2:1": 16}
	if !maps.Equal(watching, want) {
		t.Errorf("watching are %v, want %v", watching, want)
	}
}

// A proxy on this host asks for many.
func TestThisHostMayTakeAllStreamsButAQuarter(t *testing.T) {
	watching := watch(t, 30, "@", "127.0.0.1:1", "[::1]:1", "192.0.2.1:1")
	want := map[string]int{"@": 30, "127.0.0.1:1": 18, "192.0.2.1:1": 16}
	if !maps.Equal(watching, want) {
		t.Errorf("watching are %v, want %v", watching, want)
	}
}

// watch has so many watch from each address, and gives how many may.
func watch(t *testing.T, each int, addresses ...string) map[string]int {
	watching := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		p := statuspage.New(statuspage.Options{Health: zebra(), Packages: fakePackages{zebra()}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, from := range addresses {
			for range each {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(ctx, "GET", "/events", nil)
				r.RemoteAddr = from
				wg.Go(func() { p.Serve(w, r, "full") })
				synctest.Wait()
				if w.Code == http.StatusOK {
					watching[from]++
				}
			}
		}
		cancel()
		wg.Wait()
	})
	return watching
}
