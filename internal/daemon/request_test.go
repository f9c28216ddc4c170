package daemon_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/strictyaml"
)

func TestWhatIsWrongWithABodyIsSaid(t *testing.T) {
	h := start(t)
	deep := strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/packages", ``, 400, "the body is empty; it should be a JSON object"},
		{"/v1/packages", `[]`, 400, "the body is a array; it should be a JSON object"},
		{"/v1/packages", `{"action":"refresh","no-rever":true}`, 400, `unknown field "no-rever"`},
		{"/v1/packages", `{"action":5}`, 400, `field "action": a number is not accepted here`},
		{"/v1/packages", `{"action":"refresh"} {}`, 400, "the body has more than one JSON value"},
		{"/v1/packages", `{"action":`, 400, "the body is not JSON: unexpected EOF"},
		{"/v1/packages", `{action}`, 400, "the body is not JSON: invalid character"},
		{"/v1/packages/web", `{"action":"refresh","targets":["db"]}`, 400, `field "targets": the package is named by the path`},
		{"/v1/health/web", `{"names":["db"]}`, 400, `field "names": the package is named by the path`},
		{"/v1/config/web", deep, 400, "the body is nested deeper than 64 levels"},
		{"/v1/config/web", `{}`, 400, "the body names no key"},
		{"/v1/config/web", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "the body is larger than 1048576 bytes"},
		{"/v1/changes/7", `{"action":"stop"}`, 400, `field "action": "stop" is not accepted; accepted: abort`},
		{"/v1/warnings", `{"action":"stop"}`, 400, `field "action": "stop" is not accepted; accepted: okay`},
	} {
		status, refusal := h.refused("POST", c.path, c.body)
		if status != c.status || !strings.HasPrefix(refusal.Message, c.want) || refusal.Kind != api.ErrBadRequest {
			t.Errorf("%s %.40s:\ngot  %d %s %s\nwant %d %s", c.path, c.body, status, refusal.Kind, refusal.Message, c.status, c.want)
		}
	}
}

func TestWhatIsWrongWithParametersIsSaid(t *testing.T) {
	h := start(t)
	for url, want := range map[string]string{
		"/v1/changes?select=done":         `parameter "select": "done" is none of all, ready, in-progress`,
		"/v1/changes?selct=ready":         `unknown parameter "selct"; did you mean "select"?`,
		"/v1/changes/7/wait?timeout=soon": `parameter "timeout": "soon" is not a number of seconds up to a day`,
		"/v1/changes/7/wait?timeout=NaN":  `parameter "timeout": "NaN" is not a number of seconds up to a day`,
		"/v1/health/web/history?n=-1":     `parameter "n": "-1" is not a number from 0 to 100000`,
		"/v1/logs?follow=perhaps":         `parameter "follow": "perhaps" is neither true nor false`,
		"/v1/events?types=health,tasks":   `parameter "types": "tasks" is none of change, task, health`,
		"/v1/packages?a=%zz":              `cannot read the parameters: invalid URL escape "%zz"`,
	} {
		if status, refusal := h.refused("GET", url, ""); status != 400 || refusal.Message != want {
			t.Errorf("%s: %d %s", url, status, refusal.Message)
		}
	}
}

func TestUnknownPathsAndWrongMethodsAreRefusedInTheSameForm(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/packages/", "/v1/packages/a/b/c", "/v2/packages", "/v1//packages", "/v1/packages%2Fweb"} {
		if status, refusal := h.refused("GET", path, ""); status != 404 || refusal.Kind != api.ErrNotFound {
			t.Errorf("%s: %d %v", path, status, refusal)
		}
	}
	for path, allow := range map[string]string{"/v1/packages": "GET, POST", "/v1/exec": "POST", "/v1/system": "GET"} {
		resp, _ := h.ask("DELETE", path, "")
		if got := resp.Header.Get("Allow"); resp.StatusCode != 405 || got != allow {
			t.Errorf("%s: %d, allow %q", path, resp.StatusCode, got)
		}
		if status, refusal := h.refused("PUT", path, "{}"); status != 405 || !strings.Contains(refusal.Message, "does not take PUT") {
			t.Errorf("%s: %d %v", path, status, refusal)
		}
	}
}

func TestNameInAPathMayHoldAnything(t *testing.T) {
	f := newFake()
	h := startWith(t, f, nil)
	f.made.change = "1"
	h.answer("POST", "/v1/config/a%2Fb%20c", `{"k":null}`, nil)
	if diff := cmp.Diff([]string{`set a/b c {"k":null}`}, f.notes()); diff != "" {
		t.Error(diff)
	}
}

func TestRefusalsFromBelowKeepTheirKindAndHint(t *testing.T) {
	inner := &api.Error{Kind: api.ErrConflict, Message: "change 7 works on it", Hint: "pkgd watch 7"}
	for _, c := range []struct {
		err    error
		status int
		want   api.Error
	}{
		{inner, 409, *inner},
		{fmt.Errorf("cannot refresh web: %w", inner), 409, api.Error{Kind: api.ErrConflict, Message: "cannot refresh web: change 7 works on it", Hint: "pkgd watch 7"}},
		{fmt.Errorf("cannot unpack: %w", syscall.ENOSPC), 507, api.Error{Kind: api.ErrNoSpace, Message: "cannot unpack: no space left on device"}},
		{strictyaml.Problems{{File: "meta/pkg.yaml", Line: 1, Column: 2, Text: "is odd"}}, 400, api.Error{Kind: api.ErrBadPackage, Message: "meta/pkg.yaml:1:2: is odd"}},
		{errors.New("surprise"), 500, api.Error{Kind: api.ErrInternal, Message: "surprise"}},
	} {
		f := newFake()
		f.failed = c.err
		h := startWith(t, f, nil)
		status, got := h.refused("POST", "/v1/packages", `{"action":"refresh"}`)
		if diff := cmp.Diff(c.want, got); status != c.status || diff != "" {
			t.Errorf("%v: %d\n%s", c.err, status, diff)
		}
	}
}

func TestRequestsReachTheRoomsBelow(t *testing.T) {
	f := newFake()
	f.made.change = "7"
	f.made.records = []api.Record{{Package: "web", Status: "active", Output: "looks fine"}}
	h := startWith(t, f, nil)
	if env := h.answer("POST", "/v1/packages", `{"action":"install","targets":["/tmp/a"]}`, nil); env.Change != "7" || env.Type != api.Async {
		t.Errorf("got %+v", env)
	}
	h.answer("POST", "/v1/packages/web", `{"action":"hold"}`, nil)
	h.answer("GET", "/v1/config/web?keys=a,b.c", "", nil)
	h.answer("POST", "/v1/services", `{"action":"stop","names":["web.srv"]}`, nil)
	h.answer("POST", "/v1/packages/web/data", `{"action":"restore","id":"4"}`, nil)
	h.answer("POST", "/v1/changes/7", `{"action":"abort"}`, nil)
	h.answer("GET", "/v1/health/web/history?n=5", "", nil)
	var dismissed int
	h.answer("POST", "/v1/warnings", `{"action":"okay","until":"2024-05-01T00:00:00Z"}`, &dismissed)
	var checked api.Health
	h.answer("POST", "/v1/health", `{"names":["web"],"verbose":true}`, &checked)
	var one api.Record
	h.answer("POST", "/v1/health/web", ``, &one)
	want := []string{
		"install [/tmp/a]", "hold [web]", "config web [a b.c]", "stop [web.srv]", "restore web 4", "abort 7", "history web 5",
		"okay " + time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC).String(), "check [web] manual", "check [web] manual",
	}
	if diff := cmp.Diff(want, f.notes()); diff != "" {
		t.Error(diff)
	}
	if dismissed != 2 || checked.Level != "OK" || checked.Packages[0].Output != "looks fine" || one.Output != "" {
		t.Errorf("got %d, %+v, %+v", dismissed, checked, one)
	}
}

func TestHealthOfPackagesThatSaidNothingAndOfOnesThatAreNotThere(t *testing.T) {
	f := newFake()
	f.made.info = api.PackageInfo{Package: api.Package{Revision: 4, Version: "1.2"}}
	h := startWith(t, f, nil)
	var rec api.Record
	h.answer("GET", "/v1/health/quiet", "", &rec)
	if rec.Package != "quiet" || rec.Status != "unknown" || rec.Revision != 4 || rec.Version != "1.2" {
		t.Errorf("got %+v", rec)
	}
	for _, path := range []string{"/v1/health/missing", "/v1/health/missing/history", "/v1/health?names=quiet,missing"} {
		if status, refusal := h.refused("GET", path, ""); status != 404 || refusal.Kind != api.ErrNotInstalled {
			t.Errorf("%s: %d %v", path, status, refusal)
		}
	}
	if _, refusal := h.refused("POST", "/v1/health", `{"names":["missing"]}`); refusal.Kind != api.ErrNotInstalled {
		t.Errorf("check: %v", refusal)
	}
	if len(f.notes()) != 0 {
		t.Errorf("something ran: %v", f.notes())
	}
}

func TestLevelOfSomePackagesIsTheWorstOfTheirs(t *testing.T) {
	half := 0.5
	for want, records := range map[string][]api.Record{
		"UNKNOWN": {},
		"OK":      {{Status: "active"}, {Status: "active"}},
		"FAULT":   {{Status: "active"}, {Status: "blocked"}, {Status: "waiting"}},
	} {
		if got := checkAll(t, records); got != want {
			t.Errorf("%v: %s", records, got)
		}
	}
	for _, rec := range []api.Record{{Status: "waiting"}, {Status: "unknown"}, {Status: "active", QoS: &half}, {Status: "unknown", Stale: true}} {
		if got := checkAll(t, []api.Record{rec, {Status: "active"}}); got != "DEGRADED" {
			t.Errorf("%+v: %s", rec, got)
		}
	}
	if got := checkAll(t, []api.Record{{Status: "unknown", Code: "pkgd-stale", Stale: true}}); got != "FAULT" {
		t.Errorf("all stale: %s", got)
	}
}

func TestPackagesThatAreNamedCountAsOnTheHostAndOnce(t *testing.T) {
	f := newFake()
	f.made.records = []api.Record{{Package: "data", Status: "unknown"}, {Package: "web", Status: "active"}}
	f.made.silent = []string{"data"}
	h := startWith(t, f, nil)
	var seen, checked api.Health
	h.answer("GET", "/v1/health?names=web,data,web", "", &seen)
	h.answer("POST", "/v1/health", `{"names":["web","data","web"]}`, &checked)
	for _, got := range []api.Health{seen, checked} {
		if got.Level != "OK" || got.Counts["active"] != 1 || got.Counts["unknown"] != 0 || len(got.Packages) != 2 {
			t.Errorf("got %+v", got)
		}
	}
	h.answer("POST", "/v1/health", "", nil) // nobody named: all
	if diff := cmp.Diff([]string{"check [data web] manual", "check [] manual"}, f.notes()); diff != "" {
		t.Error(diff)
	}
}

func checkAll(t *testing.T, records []api.Record) string {
	f := newFake()
	f.made.records = records
	h := startWith(t, f, nil)
	var health api.Health
	h.answer("POST", "/v1/health", `{}`, &health)
	return health.Level
}

func TestChangesCanBeChosen(t *testing.T) {
	f := newFake()
	f.made.changes = []api.Change{{ID: "1", Ready: true, Packages: []string{"web"}}, {ID: "2", Packages: []string{"db", "web"}}, {ID: "3"}}
	h := startWith(t, f, nil)
	for query, want := range map[string]string{
		"": "123", "?select=all": "123", "?select=ready": "1", "?select=in-progress": "23", "?package=web": "12", "?package=web&select=ready": "1",
	} {
		var got []api.Change
		h.answer("GET", "/v1/changes"+query, "", &got)
		ids := ""
		for _, chg := range got {
			ids += chg.ID
		}
		if ids != want {
			t.Errorf("%q: %s", query, ids)
		}
	}
}

func TestPanicIsAnInternalErrorAndNotTheEnd(t *testing.T) {
	f := newFake()
	h := startWith(t, f, nil)
	f.made.result = api.PackageResult{}
	f.made.config = []byte("{") // which cannot be encoded
	if status, refusal := h.refused("GET", "/v1/config/web", ""); status != 500 || refusal.Kind != api.ErrInternal {
		t.Errorf("%d %v", status, refusal)
	}
	h.answer("GET", "/v1/packages", "", nil)
}
