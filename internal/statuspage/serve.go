package statuspage

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pkgd.io/pkgd/healthstate"
)

// policy lets a browser load nothing but the page's own style, script and icon,
// and nobody put the page into a frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Serves says whether a path is one of the page's.
func Serves(path string) bool {
	return path == "/" || path == "/events" || strings.HasPrefix(path, "/page/")
}

// Serve answers one request with what expose ([config.Config.ExposeOn]) allows
// the caller to learn; an unknown word allows least. Any path that [Serves] does
// not know is not found.
//
// A listener that limits how long an answer may take to write must not do so for
// /events: each write there has its own limit.
func (p *Page) Serve(w http.ResponseWriter, r *http.Request, expose string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "only GET, HEAD and OPTIONS are answered here", http.StatusMethodNotAllowed)
		return
	}
	p.route(w, r, exposureOf(expose))
}

func (p *Page) route(w http.ResponseWriter, r *http.Request, x exposure) {
	switch {
	case r.URL.Path == "/":
		reply(w, r, "text/html; charset=utf-8", p.html(x))
	case r.URL.Path == "/events":
		p.events(w, r)
	case strings.HasPrefix(r.URL.Path, "/page/"):
		p.asset(w, r)
	default:
		notFound(w)
	}
}

func notFound(w http.ResponseWriter) {
	http.Error(w, "there is nothing here", http.StatusNotFound)
}

func reply(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodOptions {
		h.Set("Allow", "GET, HEAD, OPTIONS")
	}
	if r.Method != http.MethodGet {
		h.Del("Content-Length") // of a body that OPTIONS does not have
		return
	}
	_, _ = w.Write(body) // a caller that has gone does not get its answer
}

// drawing is a page that is drawn, and what it was drawn from.
type drawing struct {
	snap  *healthstate.Snapshot
	chron *chronicles
	at    time.Time
	body  []byte
}

// drawingAge is how old a page may get of which only the ages have changed.
const drawingAge = 5 * time.Second

func (d *drawing) good(snap *healthstate.Snapshot, chron *chronicles, now time.Time) bool {
	return d != nil && d.snap == snap && d.chron == chron && now.Sub(d.at).Abs() < drawingAge
}

// html is the page as it is now. Callers share it until something changes.
func (p *Page) html(x exposure) []byte {
	snap, chron, now := p.o.Health.Snapshot(), p.chronicles.Load(), p.o.Now()
	if now.Sub(chron.at).Abs() > maxAge {
		p.reading.ask()
	}
	if d := p.drawn[x].Load(); d.good(snap, chron, now) {
		return d.body
	}
	var b bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&b, "page.html", p.draw(snap, chron, x)); err != nil {
		panic(fmt.Sprintf("internal error: cannot draw the status page: %v", err))
	}
	p.drawn[x].Store(&drawing{snap, chron, now, b.Bytes()})
	return b.Bytes()
}
