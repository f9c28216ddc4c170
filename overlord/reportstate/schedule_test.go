package reportstate_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/reportstate"
)

var fleet = config.Fleet{URL: "http://fleet.example/base", Interval: 5 * time.Minute}

// virtual is a house whose collector is reached without a network, in virtual
// time.
func virtual(t *testing.T, o reportstate.Options, answer func(n int, e api.Exchange, w http.ResponseWriter)) (*house, *collector) {
	c := newCollector(answer)
	o.Transport = c
	h := build(t, o, fleet)
	return h, c
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func gaps(at []time.Time) (list []time.Duration) {
	for i := 1; i < len(at); i++ {
		list = append(list, at[i].Sub(at[i-1]))
	}
	return list
}

func TestAnExchangeIsMadeEveryIntervalGiveOrTakeAFifth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		h.StartUp()
		pass(24 * time.Hour)
		all, at, _ := c.got()
		if len(all) < 250 || len(all) > 330 {
			t.Errorf("%d exchanges in a day of five-minute intervals", len(all))
		}
		short := 0
		for _, gap := range gaps(at) {
			if gap < 4*time.Minute || gap > 6*time.Minute {
				t.Errorf("a gap of %v", gap)
			}
			if gap < 5*time.Minute {
				short++
			}
		}
		if short < len(all)/4 || short > len(all)*3/4 {
			t.Errorf("%d of %d gaps are short: no jitter", short, len(all))
		}
		if e := all[0]; e.Schema != 1 || e.Device == "" || e.Boot == "" || e.Host.Level != "OK" || e.Version != "1.2.3" || len(e.Reports) != 0 {
			t.Errorf("an exchange with nothing to tell: %+v", e)
		}
	})
}

func TestACollectorNamesTheNextExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, func(n int, _ api.Exchange, w http.ResponseWriter) {
			_, _ = w.Write([]byte([]string{`{"next-exchange": 90}`, `{"next-exchange": 0.001}`, `{"next-exchange": 1e300}`, `{}`}[min(n, 3)]))
		})
		h.StartUp()
		pass(48 * time.Hour)
		_, at, _ := c.got()
		want := []time.Duration{90 * time.Second, time.Second, 24 * time.Hour}
		for i, gap := range gaps(at)[:3] {
			if gap != want[i] {
				t.Errorf("gap %d is %v, want %v", i, gap, want[i])
			}
		}
		if gap := gaps(at)[3]; gap < 4*time.Minute || gap > 6*time.Minute {
			t.Errorf("then it is as configured again, and not %v", gap)
		}
	})
}

func TestTheEndOfAChangeIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		h.StartUp()
		pass(2 * time.Minute)
		begin := time.Now()
		before, _, _ := c.got()
		h.ends(refreshed)
		synctest.Wait()
		all, at, _ := c.got()
		if len(all) != len(before)+1 || at[len(at)-1] != begin {
			t.Fatalf("%d exchanges, the last at %v; want one at %v", len(all)-len(before), at[len(at)-1], begin)
		}
		if n := h.Outbox().Changes; n != 0 {
			t.Errorf("%d changes wait still", n)
		}
	})
}

func TestAFailingCollectorIsAskedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, func(_ int, _ api.Exchange, w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadGateway)
		})
		h.StartUp()
		h.ends(refreshed)
		pass(5 * time.Hour)
		_, at, _ := c.got()
		want := 5 * time.Second
		for i, gap := range gaps(at) {
			if gap < want*8/10 || gap > want*12/10 {
				t.Errorf("gap %d is %v, want %v give or take a fifth", i, gap, want)
			}
			want = min(2*want, 15*time.Minute)
		}
		if o := h.Outbox(); o.Failures != len(at) || o.LastError == "" || o.Changes != 1 || o.LastExchange != nil {
			t.Errorf("outbox %+v after %d failures", o, len(at))
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, func(n int, _ api.Exchange, w http.ResponseWriter) {
			switch n {
			case 0:
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
			case 1:
				w.Header().Set("Retry-After", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				_, _ = w.Write([]byte("{}"))
			}
		})
		h.StartUp()
		pass(time.Minute)
		h.ends(refreshed) // presses, and has to wait all the same
		pass(6 * time.Hour)
		_, at, _ := c.got()
		for i, want := range []time.Duration{time.Hour, 2 * time.Hour} {
			if gap := gaps(at)[i]; gap < want-time.Second || gap > want*12/10 {
				t.Errorf("gap %d is %v, want %v and up to a fifth", i, gap, want)
			}
		}
	})
}

func TestConfiguringAnewEndsTheWaitingAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		h, c := virtual(t, reportstate.Options{}, func(_ int, _ api.Exchange, w http.ResponseWriter) {
			if broken {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = w.Write([]byte("{}"))
		})
		h.StartUp()
		h.ends(refreshed)
		pass(time.Hour)
		before, _, _ := c.got()
		broken = false
		h.Configure(fleet)
		synctest.Wait()
		if all, _, _ := c.got(); len(all) != len(before)+1 || h.Outbox().Changes != 0 {
			t.Errorf("%d exchanges, %d changes wait", len(all)-len(before), h.Outbox().Changes)
		}
	})
}

func TestWithoutACollectorNothingIsWrittenAndNothingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(nil)
		h := build(t, reportstate.Options{Transport: c}, config.Fleet{Interval: time.Minute})
		h.StartUp()
		h.ends(refreshed)
		h.runs("web", "active", "")
		pass(time.Hour)
		h.st.Lock()
		keys := h.st.Keys("")
		h.st.Unlock()
		if all, _, _ := c.got(); len(all) != 0 || h.st.Commits() != 0 || len(keys) != 0 || h.Outbox().Device != "" {
			t.Errorf("%d exchanges, %d commits, keys %v", len(all), h.st.Commits(), keys)
		}

		h.Configure(fleet) // enrolment, without a restart
		h.runs("web", "active", "")
		h.ends(refreshed)
		synctest.Wait()
		if all, _, _ := c.got(); len(reports(all)) != 2 {
			t.Errorf("after enrolment: %+v", all)
		}
		h.Configure(config.Fleet{}) // and its end
		before, _, _ := c.got()
		h.ends(refreshed)
		pass(time.Hour)
		if all, _, _ := c.got(); len(all) != len(before) {
			t.Errorf("%d exchanges after the collector's end", len(all)-len(before))
		}
	})
}

func TestRunsAtRestWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		h.StartUp()
		commits := h.st.Commits()
		for range 200 {
			h.runs("web", "active", "")
			pass(time.Minute)
		}
		if all, _, _ := c.got(); len(reports(all)) < 30 {
			t.Errorf("only %d reports", len(reports(all)))
		}
		if n := h.st.Commits() - commits; n != 0 {
			t.Errorf("%d commits for 200 runs that said nothing new", n)
		}
	})
}

// TestAChangeIsNotToldBeforeItIsOnDisk: after a crash it would end once more, and
// be told under another key.
func TestAChangeIsNotToldBeforeItIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := virtual(t, reportstate.Options{}, nil)
		var full atomic.Bool
		full.Store(true)
		h.SetSync(func(ctx context.Context) error {
			if full.Load() {
				<-ctx.Done()
				return errors.New("the disk hangs")
			}
			return nil
		})
		h.StartUp()
		h.ends(refreshed)
		h.runs("web", "active", "")
		pass(time.Hour)
		all, at, _ := c.got()
		for _, r := range reports(all) {
			if r.Kind == api.ReportChange {
				t.Fatalf("told of a change that is not on disk")
			}
		}
		if len(reports(all)) != 1 || len(all) < 10 || len(all) > 16 {
			t.Errorf("%d exchanges in an hour, with %d reports at rest: what is not on disk holds nothing else up, and does not press", len(all), len(reports(all)))
		}
		full.Store(false)
		pass(10 * time.Second)
		if _, later, _ := c.got(); len(later) == len(at) || h.Outbox().Changes != 0 {
			t.Error("the disk works again, and the change is not told")
		}
	})
}
