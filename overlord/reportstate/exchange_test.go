package reportstate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/reportstate"
)

// impatient has waits that a test can wait for.
var impatient = reportstate.Options{RetryFirst: time.Millisecond, RetryMost: 20 * time.Millisecond, Timeout: time.Minute}

// real is a house with a real collector over TCP; its exchanges are an hour
// apart, but for those that are made at once.
func real(t *testing.T, o reportstate.Options, answer func(n int, e api.Exchange, w http.ResponseWriter)) (*house, *collector) {
	c := newCollector(answer)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	h := build(t, o, config.Fleet{URL: server.URL, Interval: time.Hour})
	h.StartUp()
	return h, c
}

func take(w http.ResponseWriter) { fmt.Fprint(w, "{}") }

func TestTheReportOfAChangeHasWhatAnotherHostCanUse(t *testing.T) {
	h, c := real(t, impatient, nil)
	well, ill := record("web", "active", ""), record("web", "error", "schema-too-new")
	ill.Output, ill.Revision = "password=secret", 2
	why := refreshed
	why.Before, why.After, why.Restored = &well, &ill, &well
	h.ends(why)
	all := c.until(t, told(1))
	r := reports(all)[0]
	want := api.Content{Revision: 2, Version: "2.0", Digest: "sha256:web-2"}
	if r.Kind != api.ReportChange || r.Package != "web" || r.Change.To != want || r.Change.Outcome != "reverted" || r.Change.Rule != "active-to-error" {
		t.Errorf("told: %+v %+v", r, r.Change)
	}
	if r.Change.Before.Status != "active" || r.Change.After.Code != "schema-too-new" || r.Change.Restored == nil {
		t.Errorf("records: %+v", r.Change)
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"password", "/home/admin"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the report has %q, which is the host's own", secret)
		}
	}
}

func TestConfigurationAndServicesAreNotReported(t *testing.T) {
	h, c := real(t, impatient, nil)
	h.ends(api.Why{Change: "1", Package: "web", Kind: "configure", Outcome: "done"})
	h.ends(api.Why{Change: "2", Package: "web", Kind: "services", Outcome: "done"})
	h.ends(api.Why{Change: "3", Package: "web", Kind: "remove", From: 2, Outcome: "done"})
	if got := reports(c.until(t, told(1))); got[0].Change.Change != "3" {
		t.Errorf("told of %+v", got[0].Change)
	}
}

// TestWhatMayHaveArrivedIsToldAgainUnderItsKey: the collector takes everything
// and its answer never comes, or comes too late, or is broken off.
func TestWhatMayHaveArrivedIsToldAgainUnderItsKey(t *testing.T) {
	hangs := make(chan struct{})
	for name, lose := range map[string]func(w http.ResponseWriter){
		"hangs":         func(http.ResponseWriter) { <-hangs },
		"breaks off":    func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"fails":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"is a portal":   func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Welcome to the hotel</html>") },
		"half a header": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, "{}") },
	} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan struct{})
			o := impatient
			if o.Timeout = time.Minute; name == "hangs" {
				o.Timeout = 2 * time.Second
			}
			h, c := real(t, o, func(n int, _ api.Exchange, w http.ResponseWriter) {
				if n == 0 {
					<-heard // meanwhile the package goes on to be asked
					lose(w)
					return
				}
				take(w)
			})
			t.Cleanup(func() { // before the server, which waits for its answers
				if name == "hangs" {
					close(hangs)
				}
			})
			h.runs("web", "active", "")
			h.runs("web", "active", "")
			h.ends(refreshed)
			c.until(t, told(2))
			h.runs("web", "error", "disk-full")
			close(heard)
			got := reports(c.until(t, told(5)))
			if diff := cmp.Diff(got[:2], got[2:4]); diff != "" {
				t.Errorf("what is told again differs:\n%s", diff)
			}
			last := got[4]
			if key(last) == key(got[0]) || key(last) == key(got[1]) || last.Rest.Runs != 1 || last.Rest.Counts[0].Code != "disk-full" {
				t.Errorf("what came meanwhile: %+v %+v", last, last.Rest)
			}
		})
	}
}

func TestWhatWasRefusedForNowGrowsOn(t *testing.T) {
	h, c := real(t, impatient, func(n int, _ api.Exchange, w http.ResponseWriter) {
		if n == 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		take(w)
	})
	h.runs("web", "active", "")
	h.ends(refreshed)
	got := reports(c.until(t, told(4)))
	if key(got[3]) != key(got[1]) || got[3].Rest.Runs < 1 {
		t.Errorf("told %+v, then %+v", got[1], got[3])
	}
}

// TestAReportThatTheCollectorRefusesIsSetAside: one of twenty is poison, and the
// collector does not say which.
func TestAReportThatTheCollectorRefusesIsSetAside(t *testing.T) {
	poison := func(e api.Exchange) bool {
		for _, r := range e.Reports {
			if r.Package == "p13" {
				return true
			}
		}
		return false
	}
	took := map[string]bool{}
	release := make(chan struct{})
	o := impatient
	o.Timeout = time.Minute
	h, c := real(t, o, func(_ int, e api.Exchange, w http.ResponseWriter) {
		<-release
		if poison(e) {
			http.Error(w, "p13 is no name\nof a package", http.StatusBadRequest)
			return
		}
		for _, r := range e.Reports {
			took[r.Package] = true
		}
		take(w)
	})
	for i := range 20 {
		why := refreshed
		why.Package = fmt.Sprintf("p%02d", i)
		h.ends(why)
	}
	close(release)
	waitFor(t, h, func(o api.Outbox) bool { return o.Changes == 0 && o.Lost.Refused == 1 })
	box := h.Outbox()
	if len(took) != 19 || len(box.Refused) != 1 || box.Refused[0].Package != "p13" || !strings.Contains(box.Refused[0].Reason, "p13 is no name") {
		t.Errorf("%d packages' reports were taken, refused: %+v", len(took), box.Refused)
	}
	h.ends(refreshed)
	all := c.until(t, func(all []api.Exchange) bool { return all[len(all)-1].Lost.Refused == 1 })
	if lost := all[len(all)-1].Lost; lost != (api.Lost{Refused: 1}) {
		t.Errorf("the collector is told that %+v are lost", lost)
	}
}

// TestACollectorThatRefusesEverythingLosesNothing: then it is not a report's
// fault.
func TestACollectorThatRefusesEverythingLosesNothing(t *testing.T) {
	h, _ := real(t, impatient, func(n int, _ api.Exchange, w http.ResponseWriter) {
		if n < 60 {
			http.Error(w, "schema 1 is not mine", http.StatusBadRequest)
			return
		}
		take(w)
	})
	for i := range 5 {
		why := refreshed
		why.Change = fmt.Sprint(i)
		h.ends(why)
	}
	waitFor(t, h, func(o api.Outbox) bool { return o.Delivered >= 5 })
	if o := h.Outbox(); o.Lost != (api.Lost{}) || o.Changes != 0 || !strings.Contains(o.LastError, "schema 1 is not mine") {
		t.Errorf("outbox: %+v", o)
	}
}

func TestACollectorMayNameTheReportsThatItRefuses(t *testing.T) {
	h, _ := real(t, impatient, func(_ int, e api.Exchange, w http.ResponseWriter) {
		a := api.ExchangeAnswer{Refused: []api.RefusedReport{{Boot: "1-not-ours", Sequence: 7, Reason: "who?"}}}
		for _, r := range e.Reports {
			if r.Package == "web" {
				a.Refused = append(a.Refused, api.RefusedReport{Boot: r.Boot, Sequence: r.Sequence, Reason: "too old"})
			}
		}
		_ = json.NewEncoder(w).Encode(a)
	})
	h.ends(refreshed)
	other := refreshed
	other.Package = "db"
	h.ends(other)
	waitFor(t, h, func(o api.Outbox) bool { return o.Changes == 0 })
	if o := h.Outbox(); o.Lost.Refused != 1 || o.Delivered != 1 || o.Refused[0].Reason != "too old" {
		t.Errorf("outbox: %+v", o)
	}
}

func TestABacklogIsToldInBatches(t *testing.T) {
	o := impatient
	o.MaxBatch, o.Timeout = 10, time.Minute
	release := make(chan struct{})
	h, c := real(t, o, func(_ int, _ api.Exchange, w http.ResponseWriter) { <-release; take(w) })
	for i := range 10 * (reportstate.MaxRequests + 2) {
		why := refreshed
		why.Change = fmt.Sprint(i)
		h.ends(why)
	}
	close(release)
	waitFor(t, h, func(o api.Outbox) bool { return o.Changes == 0 })
	all, _, _ := c.got()
	next := 0
	for _, e := range all {
		if len(e.Reports) > 10 {
			t.Errorf("%d reports in a request", len(e.Reports))
		}
		for _, r := range e.Reports {
			if r.Change.Change != fmt.Sprint(next) {
				t.Fatalf("told of change %s, want %d", r.Change.Change, next)
			}
			next++
		}
	}
}

func TestTheTokenIsReadAnewAndNeverWhereOthersCanReadIt(t *testing.T) {
	c := newCollector(nil)
	server := httptest.NewServer(c)
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("first\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	f := config.Fleet{URL: server.URL + "/base/", TokenFile: token, Interval: time.Hour}
	h := build(t, impatient, f)
	h.StartUp()
	h.ends(refreshed)
	waitFor(t, h, func(o api.Outbox) bool { return strings.Contains(o.LastError, "open to others") })
	if all, _, _ := c.got(); len(all) != 0 {
		t.Error("a token that others can read was sent")
	}
	for i, text := range []string{"first", "second"} {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(token, 0o600); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			h.ends(refreshed)
		}
		c.until(t, told(i+1))
		c.mu.Lock()
		r := c.requests[len(c.requests)-1]
		c.mu.Unlock()
		if got := r.Header.Get("Authorization"); got != "Bearer "+text || r.URL.Path != "/base/v1/reports" || r.Method != http.MethodPost {
			t.Errorf("%s %s with %q", r.Method, r.URL, got)
		}
	}
}

func waitFor(t *testing.T, h *house, ok func(api.Outbox) bool) {
	t.Helper()
	patience, look := time.After(30*time.Second), time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !ok(h.Outbox()) {
		select {
		case <-look.C:
		case <-patience:
			t.Fatalf("never came: %+v", h.Outbox())
		}
	}
}

// TestATokenIsNotCarriedElsewhere: not even where the collector points to.
func TestATokenIsNotCarriedElsewhere(t *testing.T) {
	other := newCollector(nil)
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	h, _ := real(t, impatient, func(_ int, _ api.Exchange, w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	h.ends(refreshed)
	waitFor(t, h, func(o api.Outbox) bool { return strings.Contains(o.LastError, "set fleet.url to where it is") })
	if all, _, _ := other.got(); len(all) != 0 {
		t.Error("the redirection was followed")
	}
}

// TestNobodyWaitsForACollectorThatHangs: neither who records outcomes, nor who
// runs hooks, nor who stops pkgd.
func TestNobodyWaitsForACollectorThatHangs(t *testing.T) {
	hangs := make(chan struct{})
	o := impatient
	o.Timeout = time.Hour
	h, c := real(t, o, func(int, api.Exchange, http.ResponseWriter) { <-hangs })
	t.Cleanup(func() { close(hangs) })
	h.ends(refreshed)
	c.until(t, told(1))
	for i := range 100 {
		h.ends(refreshed)
		h.runs(fmt.Sprintf("p%d", i), "active", "")
	}
	if n := h.Outbox().Changes; n != 101 {
		t.Errorf("%d changes wait", n)
	}
	h.Stop()
}
