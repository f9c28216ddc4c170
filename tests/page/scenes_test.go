package page_test

import (
	"fmt"
	"strings"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// scenes are what there may be to see. Each furnishes an empty house.
var scenes = map[string]func(*house){
	"mixed":    (*house).furnish,
	"healthy":  (*house).furnishWell,
	"error":    func(h *house) { h.furnishWell(); h.breaks("proxy") },
	"reverted": func(h *house) { h.furnishWell(); h.takenBack("proxy", "2.4.1", "2.5.0") },
	"stale":    func(h *house) { h.furnishWell(); h.silences("proxy") },
	"empty":    func(*house) {},
	"long":     (*house).furnishLong,
	"many":     func(h *house) { h.furnishMany(200) },
}

var active = &api.Record{Status: "active"}

// furnish gives the house packages of all kinds.
func (h *house) furnish() {
	h.has("cache", "0.9.3", was(61, "active"), was(33, "maintenance", "warming-up", "Reading the index"), was(32.6, "active"))
	h.has("db", "15.2", was(120, "active"), was(47, "error", "disk-full", "No space left on /var"), was(46.2, "active"),
		was(20, "waiting", "replica-behind", "The replica is 40 s behind"), was(18, "active"),
		was(0.08, "error", "disk-full", "No space left on /var"))
	h.has("mail", "3.7.1", was(88, "active"), was(9, "blocked", "licence-expired", "The licence has expired: renew it at the desk"))
	h.has("metrics", "2.51.0", was(75, "active"), was(40, "error", "port-taken", "Port 9090 is taken"), was(39.95, "active"))
	h.has("queue", "4.0.0-rc.1", was(5, "active"), was(0.01, "waiting", "leader-election", "Waits for a leader"))
	h.has("tools", "1.0")
	h.has("web", "1.4.2", was(86, "waiting", "starting", "Starts"), was(85.9, "active"), was(3, "error", "schema-too-new", "Schema 42 is newer than this program"), was(2.99, "active"))
	h.takenBack("web", "1.4.2", "1.5.0")
	h.why(api.Why{Package: "cache", Kind: "install", ToVersion: "0.9.3", Outcome: api.OutcomeDone, Rule: healthstate.RuleFirstInstall, After: active, Elapsed: 1.2}, 61)
	h.why(api.Why{Package: "mail", Kind: "refresh", FromVersion: "3.7.0", ToVersion: "3.7.1", Outcome: api.OutcomeKept, Rule: healthstate.RuleActiveToBlocked, Before: active, After: &api.Record{Status: "blocked", Code: "licence-expired", Message: "The licence has expired: renew it at the desk"}, WantsPerson: true, Elapsed: 6.4, Downtime: 0.11}, 9)
	h.why(api.Why{Package: "db", Kind: "refresh", FromVersion: "15.1", ToVersion: "15.2", Outcome: api.OutcomeDone, Rule: healthstate.RuleToActive, Before: active, After: active, Elapsed: 11, Downtime: 0.4}, 30)
}

// furnishWell gives it packages that are all well.
func (h *house) furnishWell() {
	for i, name := range []string{"cache", "ingest", "proxy", "scheduler", "search", "web"} {
		h.has(name, fmt.Sprintf("2.%d.%d", i+1, 7-i), was(float64(30+11*i), "active"), was(float64(5+4*i), "maintenance", "vacuum", ""), was(float64(5+4*i)-0.1, "active"))
		h.why(api.Why{Package: name, Kind: "refresh", FromVersion: "2.0.0", ToVersion: fmt.Sprintf("2.%d.%d", i+1, 7-i), Outcome: api.OutcomeDone, Rule: healthstate.RuleToActive, Before: active, After: active, Elapsed: 3.1}, float64(2+3*i))
	}
}

// furnishLong gives it one whose words are as long as words may get.
func (h *house) furnishLong() {
	name := "a-package-with-a-name-that-hardly-ends-and-no-place-to-break-it"
	words := strings.Repeat("Every word of this message was written by somebody who had time. ", 12) + strings.Repeat("x", 200)
	h.has(name, "20261121.154501-0a1b2c3d4e5f60718293a4b5c6d7e8f9", was(80, "active"), was(2, "error", "a-code-that-is-longer-than-most-of-the-codes-that-we-know", words))
	h.has("b", "1", was(1, "active"))
	h.takenBack("b", "20261121.154501-0a1b2c3d4e5f60718293a4b5c6d7e8f9", "20261122.154501-0a1b2c3d4e5f60718293a4b5c6d7e8f9")
}

// furnishMany gives it n packages, of which a few are not well.
func (h *house) furnishMany(n int) {
	for i := range n {
		past := []api.Transition{was(float64(90-i%60), "active"), was(20+float64(i%7), "waiting", "peer", "Waits for its peer"), was(19+float64(i%7), "active")}
		switch i % 50 {
		case 7:
			past = append(past, was(0.2, "error", "port-taken", "Port 8080 is taken"))
		case 23:
			past = append(past, was(1.5, "blocked", "licence-expired", "The licence has expired"))
		}
		h.has(fmt.Sprintf("service-%03d", i), "1.2.3", past...)
	}
}

// why says what the last change of a package was, some days ago.
func (h *house) why(w api.Why, daysAgo float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.At = time.Now().Add(-time.Duration(daysAgo * float64(24*time.Hour)))
	h.whys[w.Package] = w
}

// takenBack says that a package was refreshed three days ago, and taken back.
func (h *house) takenBack(name, from, to string) {
	until := time.Now().Add(5 * time.Hour)
	h.why(api.Why{
		Package: name, Kind: "refresh", FromVersion: from, ToVersion: to, Outcome: api.OutcomeReverted,
		Rule: healthstate.RuleActiveToError, Before: active, Restored: active,
		After:        &api.Record{Status: "error", Code: "schema-too-new", Message: "Schema 42 is newer than this program"},
		RefusedUntil: &until, Downtime: 0.08, Elapsed: 0.61, HookOutput: "a secret that hooks print",
	}, 3)
}

// breaks makes a package an error of an hour ago.
func (h *house) breaks(name string) {
	past := h.past[name]
	t := was(0.05, "error", "port-taken", "Port 8080 is taken by another program")
	t.Package, t.From = name, past[0].To
	h.change(name, func(rec *api.Record) {
		h.past[name] = append([]api.Transition{t}, past...)
		rec.Status, rec.Code, rec.Message, rec.Since = t.To, t.Code, t.Message, &t.At
	})
}

// silences makes a package one that was last heard of three hours ago.
func (h *house) silences(name string) {
	h.change(name, func(rec *api.Record) {
		checked := time.Now().Add(-3 * time.Hour)
		rec.Stale, rec.CheckedAt = true, &checked
	})
}

func (h *house) change(name string, f func(*api.Record)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.recs {
		if h.recs[i].Package == name {
			f(&h.recs[i])
		}
	}
	h.publish()
}
