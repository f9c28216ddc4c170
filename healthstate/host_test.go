package healthstate_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

func TestTheLevelOfTheHost(t *testing.T) {
	half := answer{status: "active", checks: []api.Check{{Name: "disk", Health: "warn", QoS: qos(0.5)}}}
	full := answer{status: "active", checks: []api.Check{{Name: "disk", Health: "passed", QoS: qos(1)}}}
	tests := []struct {
		answers []answer
		want    string
	}{
		{nil, "UNKNOWN"},
		{[]answer{active}, "OK"},
		{[]answer{active, full}, "OK"},
		{[]answer{active, half}, "DEGRADED"},
		{[]answer{active, waiting}, "DEGRADED"},
		{[]answer{active, busy}, "DEGRADED"},
		{[]answer{active, silent}, "DEGRADED"},
		{[]answer{active, waiting, blocked}, "FAULT"},
		{[]answer{active, broken}, "FAULT"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			h := build(t, newFakeRunner(func(run hookrunner.Run, _ int) answer { return tt.answers[run.Revision-1] }), healthstate.Options{})
			plain := target("nohook", 1)
			plain.Hook = false
			h.Track(plain)
			want := map[string]int{"active": 0, "maintenance": 0, "waiting": 0, "unknown": 0, "blocked": 0, "error": 0}
			for i, a := range tt.answers {
				h.Track(target(fmt.Sprintf("p%d", i), i+1))
				if a.status == "" {
					a.status = "unknown"
				}
				want[a.status]++
			}
			if _, err := h.Check(t.Context(), nil, hookrunner.PhaseManual); err != nil {
				t.Fatal(err)
			}
			got := h.Host()
			if got.Level != tt.want || !cmp.Equal(want, got.Counts) || len(got.Packages) != len(tt.answers)+1 {
				t.Errorf("%+v: %s %v with %d packages, want %s", tt.answers, got.Level, got.Counts, len(got.Packages), tt.want)
			}
		})
	}
}

func TestTheETagChangesWithWhatIsSaidAndNotWithWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		more := waiting
		more.message = "for the database, still"
		h := build(t, inTurn(active, active, waiting, waiting, more), healthstate.Options{})
		h.Track(target("web", 1))
		tags := []string{}
		for range 5 {
			pass(time.Second)
			if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
				t.Fatal(err)
			}
			s := h.Snapshot()
			if s != h.Snapshot() || !s.At.Equal(time.Now()) {
				t.Error("nothing has changed, and yet the snapshot is another")
			}
			tags = append(tags, s.ETag)
		}
		same := []bool{tags[0] == tags[1], tags[1] == tags[2], tags[2] == tags[3], tags[3] == tags[4]}
		if !cmp.Equal([]bool{true, false, true, false}, same) {
			t.Errorf("tags %q", tags)
		}
	})
}

func TestReadersNeedNeitherLockNorDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 1))
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		h.st.Lock()
		defer h.st.Unlock()
		if rec, ok := h.Record("web"); !ok || word(rec) != "active" || h.Host().Level != "OK" || h.Snapshot().ETag == "" {
			t.Errorf("%+v", rec)
		}
	})
}

func TestManyReadersAndManyWritersAgree(t *testing.T) {
	h := build(t, inTurn(active, waiting, broken, active, blocked), healthstate.Options{})
	const packages = 20
	for i := range packages {
		h.Track(target(fmt.Sprintf("p%02d", i), 1))
	}
	h.start(t)
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := h.Snapshot()
				sum := 0
				for _, n := range s.Health.Counts {
					sum += n
				}
				if sum != packages || len(s.Health.Packages) != packages {
					t.Errorf("%d packages counted of %d", sum, len(s.Health.Packages))
					return
				}
			}
		})
	}
	for range 3 {
		writers.Go(func() {
			for range 5 {
				if _, err := h.Check(t.Context(), nil, hookrunner.PhaseManual); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

func TestHistoryKeepsAThousandTransitionsOrNinetyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, newFakeRunner(func(_ hookrunner.Run, n int) answer {
			if n%2 == 0 {
				return active
			}
			return broken
		}), healthstate.Options{})
		h.Track(target("web", 1))
		check := func(n int) {
			t.Helper()
			for range n {
				if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
					t.Fatal(err)
				}
			}
		}
		size := func(limit int) int {
			t.Helper()
			list, err := h.History("web", limit)
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < len(list); i++ {
				if list[i].At.After(list[i-1].At) {
					t.Error("not newest first")
				}
			}
			return len(list)
		}
		check(1100)
		if n := size(0); n != 1000 {
			t.Errorf("%d transitions are given, want 1000", n)
		}
		if n := size(7); n != 7 {
			t.Errorf("%d transitions are given, want 7", n)
		}
		kept := 0
		if err := h.st.Journal("health-history/web", func(json.RawMessage) bool { kept++; return true }); err != nil || kept > 1100 {
			t.Errorf("%d transitions are kept, %v", kept, err)
		}
		pass(91 * 24 * time.Hour)
		check(1)
		if n := size(0); n != 1 {
			t.Errorf("%d transitions after 91 days", n)
		}
	})
}

func TestARecordOfTheOldRevisionSaysNothingOfTheNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, always(active), healthstate.Options{})
		h.Track(target("web", 1))
		if _, err := h.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
			t.Fatal(err)
		}
		h.reopen(t, healthstate.Options{})
		h.Track(target("web", 2))
		if rec := h.record(t, "web"); word(rec) != "unknown" || rec.Revision != 2 {
			t.Errorf("%s of revision %d", word(rec), rec.Revision)
		}
		h.Track(target("web", 1))
		if rec := h.record(t, "web"); word(rec) != "active" || rec.Revision != 1 {
			t.Errorf("back again: %s of revision %d", word(rec), rec.Revision)
		}
	})
}
