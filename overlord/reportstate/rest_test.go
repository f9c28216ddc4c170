package reportstate_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/reportstate"
)

func TestRunsAtRestAreSummedUpPerPackage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		begin, last := time.Now(), record("web", "error", "disk-full")
		for range 3 {
			h.runs("web", "active", "")
		}
		h.Transition(api.Transition{Package: "web", Revision: 1, From: "active", To: "error", Code: "disk-full", Phase: "rest"}, record("web", "error", "disk-full"))
		h.runs("web", "error", "disk-full")
		h.runs("db", "active", "")
		h.Run(record("web", "error", ""), "after") // of a change, which tells of it itself
		h.Transition(api.Transition{Package: "web", From: "error", To: "active", Phase: "after"}, record("web", "active", ""))
		h.StartUp()
		pass(5 * time.Minute)
		all, _, _ := c.got()
		got := reports(all)
		one := api.Content{Revision: 1, Version: "1.0", Digest: "sha256:web-1"}
		want := api.Report{
			Boot: got[0].Boot, Sequence: 1, Kind: api.ReportRest, Package: "web", At: begin,
			Rest: &api.RestReport{
				Until: begin, Runs: 4,
				Counts: []api.RestCount{
					{Content: one, Status: "active", Runs: 3}, {Content: one, Status: "error", Code: "disk-full", Runs: 1},
				},
				Transitions: []api.Transition{{Revision: 1, From: "active", To: "error", Code: "disk-full", Phase: "rest"}},
				Record:      &last,
			},
		}
		if diff := cmp.Diff(want, got[0], cmpopts.EquateApproxTime(0)); diff != "" {
			t.Error(diff)
		}
		if len(got) != 2 || got[1].Package != "db" || got[1].Rest.Runs != 1 {
			t.Errorf("told: %+v", got)
		}
	})
}

// TestEveryRunIsToldOnceWhateverHappensToRequests: what is lost on the way is
// told again under its key, and so no run is counted twice and none is missing.
func TestEveryRunIsToldOnceWhateverHappensToRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := map[string]uint64{} // by key: the collector takes a key once
		h, _ := virtual(t, reportstate.Options{}, func(n int, e api.Exchange, w http.ResponseWriter) {
			code := []int{200, 500, 200, 429, 400, 502, 200, 401, 200}[n%9]
			if code == 200 || code >= 500 {
				for _, r := range e.Reports {
					if had, ok := runs[key(r)]; ok && had != r.Rest.Runs {
						t.Errorf("%s was told with %d runs and with %d", key(r), had, r.Rest.Runs)
					}
					runs[key(r)] = r.Rest.Runs
				}
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte("{}"))
		})
		h.StartUp()
		for i := range 1000 {
			h.runs(fmt.Sprintf("p%d", i%7), "active", "")
			pass(17 * time.Second)
			if i%200 == 199 {
				h.reopen()
				h.StartUp()
			}
		}
		for h.Outbox().Rest > 0 {
			pass(time.Hour)
		}
		var sum uint64
		for _, n := range runs {
			sum += n
		}
		if lost := h.Outbox().Lost; sum != 1000 {
			t.Errorf("%d runs were told of 1000; lost: %+v", sum, lost)
		}
	})
}

func TestAPlannedStopKeepsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		h.runs("web", "active", "")
		h.ends(refreshed)
		device, boot := h.Outbox().Device, h.Outbox().Boot
		h.reopen()
		h.runs("web", "active", "")
		h.StartUp()
		synctest.Wait()
		all, _, _ := c.got()
		got := reports(all)
		if len(got) != 2 || got[0].Change == nil || got[0].Boot != boot || got[1].Rest.Runs != 2 || got[1].Boot != boot {
			t.Fatalf("told: %+v", got)
		}
		if all[0].Device != device || all[0].Boot == boot {
			t.Errorf("device %s was %s, boot %s was %s", all[0].Device, device, all[0].Boot, boot)
		}
	})
}

func TestAFullOutboxDropsWhatIsAtRestFirstAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		h, c := virtual(t, reportstate.Options{MaxWaiting: 10}, func(_ int, _ api.Exchange, w http.ResponseWriter) {
			if down {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte("{}"))
		})
		h.StartUp()
		for i := range 6 {
			h.runs(fmt.Sprintf("p%d", i), "active", "")
			h.runs(fmt.Sprintf("p%d", i), "active", "")
		}
		for i := range 12 {
			why := refreshed
			why.Change = fmt.Sprint(i)
			h.ends(why)
		}
		synctest.Wait()
		if o := h.Outbox(); o.Changes != 10 || o.Rest != 0 || o.Lost != (api.Lost{Changes: 2, Runs: 12}) {
			t.Errorf("outbox: %d changes, %d at rest, lost %+v", o.Changes, o.Rest, o.Lost)
		}
		down = false
		h.reopen()
		h.StartUp()
		pass(time.Hour)
		all, _, _ := c.got()
		last := all[len(all)-1]
		if last.Lost != (api.Lost{Changes: 2, Runs: 12}) {
			t.Errorf("the collector is told that %+v are lost", last.Lost)
		}
	})
}

func TestAReportStaysSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		big := record("web", "error", "x")
		for i := range 64 {
			health := []string{"passed", "warn", "fail"}[i%3]
			big.Checks = append(big.Checks, api.Check{Name: fmt.Sprint(i), Health: health, Message: fmt.Sprint(i, string(make([]byte, 200))), Data: map[string]string{"a": string(make([]byte, 3000))}})
		}
		for i := range 100 {
			big.Code = fmt.Sprintf("code-%d", i)
			h.Run(big, "rest")
			h.Transition(api.Transition{Package: "web", From: "error", To: "error", Code: big.Code}, big)
		}
		h.StartUp()
		pass(time.Hour)
		all, _, _ := c.got()
		r := reports(all)[0].Rest
		if r.Runs != 100 || len(r.Counts) != 32 || r.Uncounted != 68 || len(r.Transitions) != 32 || r.Untold != 68 || r.Transitions[31].Code != "code-99" {
			t.Errorf("%d runs, %d counts, %d uncounted, %d transitions, %d untold", r.Runs, len(r.Counts), r.Uncounted, len(r.Transitions), r.Untold)
		}
		if n := len(r.Record.Checks); n == 0 || n > 30 || r.Record.Checks[0].Health != "fail" {
			t.Errorf("%d checks", n)
		}
		if len(big.Checks) != 64 || big.Checks[0].Data["a"] == "" {
			t.Error("the record of the host itself was cut")
		}
	})
}
