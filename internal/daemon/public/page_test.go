package public_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
)

// lively is a host with a past: a package that is well, one whose refresh was
// taken back, one that waits, one that is broken and one without a check.
func lively() *host {
	h := newHost()
	now := time.Now()
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	const day = 24 * time.Hour
	rec := func(name, version, status, code, message string, since time.Duration) api.Record {
		return api.Record{Package: name, Version: version, Revision: 4, Status: status, Code: code, Message: message, Since: ago(since), CheckedAt: ago(40 * time.Second), Source: "hook"}
	}
	h.setAt(now, []api.Record{
		rec("cache", "0.9", "active", "", "", 60*day),
		rec("db", "15.2", "error", "disk-full", "No space left on /var <b>&", 3*time.Minute),
		rec("quiet", "1.0", "unknown", "", "", day),
		rec("search", "8.11", "waiting", "indexing", "41 % of the index is built", 20*time.Minute),
		rec("web", "1.4.2", "active", "", "", 12*time.Minute),
	}, "quiet")
	step := func(d time.Duration, from, to, code, message string) api.Transition {
		return api.Transition{At: now.Add(-d), Revision: 4, From: from, To: to, Code: code, Message: message}
	}
	h.history = map[string][]api.Transition{
		"cache": {step(60*day, "", "active", "", "")},
		"db": {
			step(3*time.Minute, "active", "error", "disk-full", "No space left on /var"),
			step(20*day, "blocked", "active", "", ""), step(22*day, "active", "blocked", "license-expired", "Renew it"),
			step(80*day, "", "active", "", ""),
		},
		"search": {step(20*time.Minute, "active", "waiting", "indexing", ""), step(30*day, "maintenance", "active", "", ""), step(33*day, "", "maintenance", "", "")},
		"web": {
			step(12*time.Minute, "error", "active", "", ""), step(13*time.Minute, "active", "error", "schema-too-new", "Schema 42 is newer than this program"),
			step(100*day, "", "active", "", ""),
		},
	}
	after := rec("web", "1.5.0", "error", "schema-too-new", "Schema 42 is newer than this program", 0)
	h.whys = map[string]api.Why{"web": {
		Kind: "refresh", Outcome: "reverted", FromVersion: "1.4.2", ToVersion: "1.5.0", At: now.Add(-12 * time.Minute), After: &after, DataRestored: true,
	}}
	return h
}

// read asks for the page until it has what is read in the background.
func (b *bench) read(contains string) string {
	b.t.Helper()
	for {
		if g := b.ask("GET /"); strings.Contains(g.body, contains) {
			return g.body
		}
	}
}

func TestPageTellsWhatHappenedAndWhy(t *testing.T) {
	b := open(t, lively(), tcp(exposing("full")))
	body := b.read("schema-too-new")
	for _, want := range []string{
		"<h1>FAULT</h1>", "4 packages: 2 active, 1 waiting, 1 error", `<h2 id="name-db">db <small>15.2</small></h2>`,
		"disk-full: No space left on /var &lt;b&gt;&amp;",
		`refresh 1.4.2 → 1.5.0: <strong>reverted</strong> – schema-too-new: Schema 42 is newer than this program; 1.4.2 is back with its data and configuration`,
		`active → <strong class="error">error</strong>`, "no check", `aria-label="last 90 days: active for `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not there", want)
		}
	}
	// A minute of fault in ninety days is still to be seen.
	web := body[strings.Index(body, `id="package-web"`):]
	if !strings.Contains(web[:strings.Index(web, "</svg>")], `class="span error"`) {
		t.Error("the short fault vanished from the bar")
	}
}

func TestPageTellsNamesOnlyToWhoMayKnowThem(t *testing.T) {
	b := open(t, lively(), tcp())
	for _, secret := range []string{"cache", "search", "schema", "disk-full", "1.4.2"} {
		if strings.Contains(b.ask("GET /").body, secret) {
			t.Errorf("with counts it tells %q", secret)
		}
	}
	body := open(t, lively(), tcp(exposing("names"))).read(`class="span waiting"`)
	if !strings.Contains(body, "name-search") {
		t.Error("with names it does not tell them")
	}
	for _, secret := range []string{"schema", "disk-full", "No space", "index is built"} {
		if strings.Contains(body, secret) {
			t.Errorf("with names it tells %q", secret)
		}
	}
}

func TestPageLoadsNothingElse(t *testing.T) {
	g := open(t, lively(), unixSocket(t)).ask("GET /")
	policy := g.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q has no %s", policy, want)
		}
	}
	for _, outside := range []string{"http://", "https://", "src=", "href=", "style="} {
		if strings.Contains(g.body, outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	if g.Header.Get("Cache-Control") != "no-store" {
		t.Error("the page may be kept")
	}
}

func TestOpenPageIsToldOfTransitionsAndChanges(t *testing.T) {
	h := lively()
	b := open(t, h, unixSocket(t))
	b.read("schema-too-new") // what is read at the start is not news
	c, err := b.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := newLines(c)
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	lines.await(t, ": watching")
	h.turn(api.Transition{Package: "web", To: "error"})
	lines.await(t, "data: changed")
	h.mu.Lock()
	h.whys["web"] = api.Why{Kind: "refresh", Outcome: "done", FromVersion: "1.4.2", ToVersion: "1.6.0"}
	happen := h.happen
	h.mu.Unlock()
	data, err := json.Marshal(api.Change{ID: "1", Ready: true, Packages: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	happen(api.Event{Type: "change", Data: data})
	lines.await(t, "data: changed")
	b.read("1.6.0")
}

func TestPageOfAnEmptyHost(t *testing.T) {
	c := one("tcp://127.0.0.1:0", func(l *config.Listener) { l.Expose = "full" })
	if body := open(t, newHost(), c).ask("GET /").body; !strings.Contains(body, "No package is installed.") || !strings.Contains(body, "<h1>UNKNOWN</h1>\n<p>no packages</p>") {
		t.Errorf("got\n%s", body)
	}
}
