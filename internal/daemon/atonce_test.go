package daemon_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

// ctlHouse is a daemon with the real ctl commands, and with speakers: the cookies
// by the words that stand for them in requests.
type ctlHouse struct {
	*house
	backend *notedBackend
	cookies *strings.Replacer

	looked chan struct{} // each look at what a connection sends first; nil: there are none
	quick  atomic.Int32  // how many of them were answered
}

// notedBackend notes what it is told.
type notedBackend struct {
	ctlcmd.Backend
	mu    sync.Mutex // guards heard
	heard []string
}

func (b *notedBackend) note(words ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, fmt.Sprintln(words...))
}

func (b *notedBackend) notes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.heard)
}

func (b *notedBackend) Version() string { return "1" }

func (b *notedBackend) SetHealth(c *hookrunner.Context, status, code, message string, _ []string) (string, error) {
	b.note(c.App(), status, code, message)
	if status == "waiting" {
		return "", errors.New("that will not do")
	}
	return "", nil
}

func (b *notedBackend) AddCheck(c *hookrunner.Context, name, health, _ string, _ *float64, _ map[string]string) error {
	b.note(c.App(), name, health)
	return nil
}

// startCtl starts one that answers at once what it can, or leaves all to net/http.
func startCtl(t *testing.T, atOnce bool) *ctlHouse {
	h := &ctlHouse{backend: &notedBackend{}}
	contexts, uid := hookrunner.NewContexts(), uint32(os.Getuid())
	open := func(s hookrunner.Spec) string {
		_, cookie, err := contexts.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		return cookie
	}
	h.cookies = strings.NewReplacer(
		"HOOK", open(hookrunner.Spec{Package: "web", UID: uid, Ephemeral: true}),
		"APPS", open(hookrunner.Spec{Package: "web", App: "sql", UID: uid}),
		"ELSE", open(hookrunner.Spec{Package: "web", UID: uid + 1, Ephemeral: true}),
	)
	handler := ctlcmd.NewHandler(contexts, h.backend, slog.New(slog.DiscardHandler))
	h.house = startWith(t, newFake(), func(o *daemon.Options) {
		o.Ctl, o.CtlConnContext = handler, ctlcmd.ConnContext
		if atOnce {
			h.looked = make(chan struct{})
			o.CtlAtOnce = h.observed(handler.AtOnce)
		}
	})
	return h
}

func (h *ctlHouse) observed(atOnce func(uint32, []byte) []byte) func(uint32, []byte) []byte {
	return func(uid uint32, request []byte) []byte {
		answer := atOnce(uid, request)
		if answer != nil {
			h.quick.Add(1)
		}
		h.looked <- struct{}{}
		return answer
	}
}

// say sends a request in parts, each of them read before the next is sent, and
// gives all that comes back.
func (h *ctlHouse) say(parts []string) string {
	h.t.Helper()
	c := h.dial()
	defer c.Close()
	waiting := h.looked
	for _, part := range parts {
		_, _ = io.WriteString(c, h.cookies.Replace(part)) // a refusal may come before the end
		if part != "" && waiting != nil {
			<-waiting
			waiting = nil
		}
	}
	if !strings.Contains(strings.Join(parts, ""), "}") { // unfinished
		_ = c.(*net.UnixConn).CloseWrite()
	}
	answer, _ := io.ReadAll(c) // as above
	return dates.ReplaceAllString(string(answer), "")
}

var dates = regexp.MustCompile(`Date: .*\r\n`)

func (h *ctlHouse) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("unix", h.dirs.CtlSocket())
	if err == nil {
		err = c.SetDeadline(time.Now().Add(time.Minute))
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// own is a request as ctl sends it, before its cookie is put in: the words that
// stand for cookies are shorter than these.
func own(cookie string, args ...string) string {
	return ownBody(fmt.Sprintf(`{"cookie":"%s","args":["%s"]}`, cookie, strings.Join(args, `","`)))
}

func ownBody(body string) string {
	length := len(body)
	for _, word := range []string{"HOOK", "APPS", "ELSE"} {
		length += strings.Count(body, word) * (64 - len(word))
	}
	return fmt.Sprintf("POST /v1/ctl HTTP/1.0\r\nHost: pkgd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, body)
}

var (
	active   = own("HOOK", "set-health", "active")
	keptOpen = strings.Replace(active, "HTTP/1.0", "HTTP/1.1", 1)
	closing  = strings.Replace(keptOpen, "Host: pkgd", "Host: pkgd\r\nConnection: close", 1)
	endless  = own("HOOK", "set-health", "error", strings.Repeat("x", 300<<10))
)

// atOnceCases are requests, whole or in parts.
var atOnceCases = map[string]struct {
	parts []string
	quick bool
}{
	"a hook's health":           {[]string{active}, true},
	"a hook's check":            {[]string{own("HOOK", "add-check", "disk", "passed")}, true},
	"what the backend refuses":  {[]string{own("HOOK", "set-health", "waiting", "x")}, true},
	"in parts":                  {[]string{active[:20], active[20:100], active[100:]}, false},
	"a last byte that is late":  {[]string{active[:len(active)-1], active[len(active)-1:]}, false},
	"a head alone":              {[]string{active[:strings.Index(active, "{")]}, false},
	"nothing at all":            {[]string{""}, false},
	"two in a row":              {[]string{active + active}, false},
	"more than there should be": {[]string{active + "x"}, false},
	"two on one connection":     {[]string{keptOpen + active}, false},
	"HTTP/1.1":                  {[]string{keptOpen + closing}, false},
	"somebody else's words":     {[]string{strings.Replace(active, "Host: pkgd", "host: pkgd", 1)}, false},
	"Expect":                    {[]string{strings.Replace(closing, "Host: pkgd", "Host: pkgd\r\nExpect: 100-continue", 1)}, false},
	"chunks": {[]string{"POST /v1/ctl HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"6c\r\n" + `{"cookie":"HOOK","args":["set-health","active"]}` + "\r\n0\r\n\r\n"}, false},
	"a length with a sign":     {[]string{strings.Replace(active, "Length: ", "Length: +", 1)}, false},
	"a length with a zero":     {[]string{strings.Replace(active, "Length: ", "Length: 0", 1)}, false},
	"two lengths":              {[]string{strings.Replace(active, "\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n", 1)}, false},
	"ends of lines as on Unix": {[]string{strings.ReplaceAll(active, "\r\n", "\n")}, false},
	"another way":              {[]string{strings.Replace(active, "/v1/ctl", "/v1/x", 1)}, false},
	"another method":           {[]string{strings.Replace(active, "POST", "GET", 1)}, false},
	"longer than is read":      {[]string{own("HOOK", "set-health", "error", strings.Repeat("x", 5000))}, false},
	"too long":                 {[]string{endless[:10000], endless[10000:]}, false},
	"too many words":           {[]string{own("HOOK", slices.Repeat([]string{"x"}, 1025)...)}, false},
	"no JSON":                  {[]string{ownBody(`{"cookie":"HOOK","args":["set-health","active"]`)}, false},
	"JSON of another shape":    {[]string{ownBody(`["HOOK"]`)}, false},
	"no UTF-8":                 {[]string{own("HOOK", "set-health", "error", "\xff")}, false},
	"no words":                 {[]string{ownBody(`{"cookie":"HOOK","args":[]}`)}, false},
	"a missing word":           {[]string{own("HOOK", "set-health")}, false},
	"a request for help":       {[]string{own("HOOK", "set-health", "--help")}, false},
	"another command":          {[]string{own("HOOK", "version")}, false},
	"no command":               {[]string{own("HOOK", "nonsense")}, false},
	"an app's health":          {[]string{own("APPS", "set-health", "active")}, false},
	"another user's cookie":    {[]string{own("ELSE", "set-health", "active")}, false},
	"a guess":                  {[]string{own("guess", "set-health", "active")}, false},
	"no cookie":                {[]string{own("", "set-health", "active")}, false},
}

func TestWhoeverAnswersOnTheCtlSocketSaysTheSame(t *testing.T) {
	quick, slow := startCtl(t, true), startCtl(t, false)
	for name, c := range atOnceCases {
		before := quick.quick.Load()
		want, got := slow.say(c.parts), quick.say(c.parts)
		if got != want {
			t.Errorf("%s: at once\n%q\nthe server\n%q", name, got, want)
		}
		if atOnce := quick.quick.Load() > before; atOnce != c.quick {
			t.Errorf("%s: answered at once %v", name, atOnce)
		}
		if a, b := quick.backend.notes(), slow.backend.notes(); !slices.Equal(a, b) {
			t.Errorf("%s: heard %.999q and %.999q", name, a, b)
		}
	}
	if heard := slow.backend.notes(); len(heard) < 10 {
		t.Errorf("too little was heard: %q", heard)
	}
}

func TestWhoConnectsAndSaysNothingKeepsNobodyWaiting(t *testing.T) {
	h := startCtl(t, true)
	silent := make([]net.Conn, 20)
	for i := range silent {
		silent[i] = h.dial()
		defer silent[i].Close()
	}
	if answer := h.say([]string{active}); !strings.HasPrefix(answer, "HTTP/1.0 200 OK\r\n") {
		t.Fatalf("a caller behind silent ones got %q", answer)
	}
	for _, c := range silent { // which net/http has by now
		if _, err := io.WriteString(c, h.cookies.Replace(active)); err != nil {
			t.Fatal(err)
		}
		<-h.looked
		if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK\r\n") {
			t.Errorf("one that spoke late got %q: %v", answer, err)
		}
	}
	if got := h.quick.Load(); got != int32(len(silent))+1 {
		t.Errorf("%d were answered at once", got)
	}
}
