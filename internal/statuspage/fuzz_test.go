package statuspage_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/statuspage"
)

// leaver is a browser that goes as soon as a stream has begun.
type leaver struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l leaver) Flush() { l.leave() }

// FuzzPage asks the page anything. It answers without a fault of its own, gives
// back no markup that was in the request, and who is shown counts learns no name.
func FuzzPage(f *testing.F) {
	for _, path := range []string{"/", "/?days=30", "/?x=<script>", "/events", "/page.css", "/page.js", "/favicon.svg", "/../etc"} {
		f.Add([]byte("GET "+path+" HTTP/1.1\r\nHost: x\r\nAccept-Language: de\r\n\r\n"), "counts")
	}
	f.Add([]byte("GET / HTTP/1.1\r\nHost: \"><script>\r\nIf-None-Match: *\r\nReferer: <b>\r\n\r\n"), "full")
	h := zebra()
	p := newPage(h)
	f.Fuzz(func(t *testing.T, raw []byte, expose string) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil || !statuspage.Serves(r.URL.Path) {
			return
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		w := httptest.NewRecorder()
		p.Serve(leaver{w, leave}, r.WithContext(ctx), expose)
		if w.Code >= 500 && w.Code != 503 || w.Code < 200 {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
		if told := w.Body.String(); expose != "full" && expose != "names" && strings.Contains(told, "zebra") && !bytes.Contains(raw, []byte("zebra")) {
			t.Errorf("who may know %q is told of zebra", expose)
		}
	})
}
