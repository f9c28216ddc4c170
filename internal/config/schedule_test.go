package config_test

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/config"
)

func at(t *testing.T, zone, text string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func schedule(t *testing.T, texts ...string) config.Schedule {
	t.Helper()
	s, err := config.ParseSchedule(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// first and last are the ends of what a random number may choose.
func first() float64 { return 0 }
func last() float64  { return 1 }

func TestNextIsInTheFirstWindowThatBeginsLater(t *testing.T) {
	const berlin = "Europe/Berlin"
	for _, c := range []struct {
		schedule         []string
		after, from, end string
	}{
		{[]string{"02:00-05:00"}, "2024-05-01 01:00", "2024-05-01 02:00", "2024-05-01 05:00"},
		{[]string{"02:00-05:00"}, "2024-05-01 02:00", "2024-05-02 02:00", "2024-05-02 05:00"},
		{[]string{"02:00-05:00"}, "2024-05-01 03:00", "2024-05-02 02:00", "2024-05-02 05:00"},
		{[]string{"23:00-01:00"}, "2024-05-01 00:30", "2024-05-01 23:00", "2024-05-02 01:00"},
		{[]string{"22:00-24:00"}, "2024-12-31 12:00", "2024-12-31 22:00", "2025-01-01 00:00"},
		{[]string{"sat 03:00-04:00"}, "2024-05-01 12:00", "2024-05-04 03:00", "2024-05-04 04:00"},
		{[]string{"sat 03:00-04:00"}, "2024-05-04 03:30", "2024-05-11 03:00", "2024-05-11 04:00"},
		{[]string{"sat-mon 03:00-04:00"}, "2024-05-05 12:00", "2024-05-06 03:00", "2024-05-06 04:00"},
		{[]string{"02:00-05:00", "sat 01:00-04:00"}, "2024-05-03 12:00", "2024-05-04 01:00", "2024-05-04 04:00"},
		// The clock goes from 02:00 to 03:00: a window that it jumps over is a moment.
		{[]string{"sun 02:10-02:50"}, "2024-03-30 12:00", "2024-03-31 03:10", "2024-03-31 03:50"},
		{[]string{"02:00-05:00"}, "2024-03-30 12:00", "2024-03-31 03:00", "2024-03-31 05:00"},
		{[]string{"02:00-05:00"}, "2024-10-26 12:00", "2024-10-27 02:00", "2024-10-27 05:00"},
	} {
		s, after := schedule(t, c.schedule...), at(t, berlin, c.after)
		if got, want := s.Next(after, first), at(t, berlin, c.from); !got.Equal(want) {
			t.Errorf("%v after %s: begins %s, want %s", c.schedule, c.after, got, want)
		}
		if got, want := s.Next(after, last), at(t, berlin, c.end); !got.Equal(want) {
			t.Errorf("%v after %s: ends %s, want %s", c.schedule, c.after, got, want)
		}
	}
}

func TestIntervalVariesByAFifth(t *testing.T) {
	s, now := schedule(t, "10h"), at(t, "UTC", "2024-05-01 00:00")
	if got := s.Next(now, first).Sub(now); got != 8*time.Hour {
		t.Errorf("at least %v", got)
	}
	if got := s.Next(now, last).Sub(now); got != 12*time.Hour {
		t.Errorf("at most %v", got)
	}
}

func TestRefreshThatWasMissedIsDueInTheNextWindowOrNowIfOneIsOpen(t *testing.T) {
	s := schedule(t, "02:00-05:00")
	for _, c := range []struct{ last, now, want string }{
		{"2024-05-01 02:30", "2024-05-01 03:00", "2024-05-02 02:00"}, // had its turn in this window
		{"2024-04-20 02:30", "2024-05-01 03:00", "2024-05-01 03:00"}, // was off, is open
		{"2024-04-20 02:30", "2024-05-01 12:00", "2024-05-02 02:00"}, // was off, is closed
	} {
		got := s.Due(at(t, "UTC", c.last), at(t, "UTC", c.now), first)
		if want := at(t, "UTC", c.want); !got.Equal(want) {
			t.Errorf("last %s, now %s: due %s, want %s", c.last, c.now, got, want)
		}
	}
}

func TestZeroScheduleIsNever(t *testing.T) {
	var s config.Schedule
	now := at(t, "UTC", "2024-05-01 00:00")
	if !s.IsZero() || !s.Next(now, first).IsZero() || !s.Due(now, now, first).IsZero() || s.Open(now) {
		t.Error("something is due")
	}
}

// TestNextNeverStandsStillSkipsAWindowOrLeavesOne draws zones with all sorts of
// changes of the clock.
func TestNextNeverStandsStillSkipsAWindowOrLeavesOne(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Gaza", "Pacific/Apia"}
	days := []string{"", "sun ", "wed ", "sat ", "mon-fri ", "fri-sun "}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		start := rapid.IntRange(0, 24*60-1).Draw(t, "start")
		length := rapid.IntRange(1, 24*60-1).Draw(t, "length")
		end := (start + length) % (24 * 60)
		text := fmt.Sprintf("%s%02d:%02d-%02d:%02d", rapid.SampledFrom(days).Draw(t, "days"), start/60, start%60, end/60, end%60)
		s, err := config.ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		after := time.Unix(rapid.Int64Range(1262304000, 1893456000).Draw(t, "after"), 0).In(loc)
		luck := rapid.Float64Range(0, 0.999999).Draw(t, "luck")
		next := s.Next(after, func() float64 { return luck })
		begin := s.Next(after, first)

		if !next.After(after) || next.Before(begin) {
			t.Fatalf("%s: %s after %s", text, next, after)
		}
		// A week and a day: no day of the week comes more rarely. (Apia had no
		// 30 December 2011.)
		if limit := 15 * 24 * time.Hour; begin.Sub(after) > limit {
			t.Fatalf("%s: nothing for %s after %s", text, begin.Sub(after), after)
		}
		if !begin.Equal(s.Next(after, last)) && !s.Open(next) {
			t.Fatalf("%s: closed at %s", text, next)
		}
		// Nothing begins between after and begin: seen from just before begin it
		// is still the next.
		if again := s.Next(begin.Add(-time.Second), first); after.Before(begin.Add(-time.Second)) && !again.Equal(begin) {
			t.Fatalf("%s: %s comes before %s", text, again, begin)
		}
	})
}
