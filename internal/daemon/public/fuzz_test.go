package public_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon/public"
)

// FuzzPublicRequest takes whole requests as strangers send them. Each is answered
// with a status that the reference knows, and who is shown counts learns no name
// and no message that was not in the request.
func FuzzPublicRequest(f *testing.F) {
	for _, path := range []string{"/", "/livez", "/readyz?verbose", "/readyz/packages/zebra", "/startupz", "/health?warn=429", "/healthcheck", "/metrics", "/events", "/package/zebra", "/%2e%2e/%00"} {
		f.Add([]byte("GET " + path + " HTTP/1.0\r\n\r\n"))
	}
	f.Add([]byte("HEAD /health HTTP/1.1\r\nHost: x\r\nAccept: text/html;q=0.3, */*;q=NaN\r\nIf-None-Match: \"x\"\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"))
	f.Add([]byte("BREW /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n"))
	rec := record("zebra", "error")
	rec.Message, rec.Code = "stripes are gone", "stripes-gone"
	h := newHost(rec)
	s := public.New(h.options())
	statuses := []int{200, 204, 304, 400, 403, 404, 405, 429, 503}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		l := config.Listener{URL: "tcp://127.0.0.1:1", IgnoreProxied: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
		w := httptest.NewRecorder()
		s.ServeAt(l, "counts", w, r)
		if !slices.Contains(statuses, w.Code) {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
		told := w.Body.String()
		for _, word := range []string{"zebra", "stripes"} {
			if !strings.Contains(strings.ToLower(r.URL.Path), word) && strings.Contains(told, word) {
				t.Errorf("%s %s tells of %s: %s", r.Method, r.URL, word, told)
			}
		}
		if r.Method != http.MethodGet && w.Code == 200 && told != "" && !strings.HasPrefix(told, "/") {
			t.Errorf("%s has a body: %s", r.Method, told)
		}
	})
}
