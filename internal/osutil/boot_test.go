package osutil_test

import (
	"testing"
	"time"

	"pkgd.io/pkgd/internal/osutil"
)

func TestWhatHasPassedIsNoMatterOfTheWallClock(t *testing.T) {
	noon := time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)
	stopped := osutil.Moment{Wall: noon, Boot: "a", Uptime: time.Hour}
	for name, c := range map[string]struct {
		later osutil.Moment
		want  time.Duration
	}{
		"forward a year":              {osutil.Moment{Wall: noon.AddDate(1, 0, 0), Boot: "a", Uptime: time.Hour + time.Second}, time.Second},
		"back a year":                 {osutil.Moment{Wall: noon.AddDate(-1, 0, 0), Boot: "a", Uptime: time.Hour + time.Second}, time.Second},
		"over a reboot":               {osutil.Moment{Wall: noon.Add(time.Minute), Boot: "b", Uptime: 10 * time.Second}, time.Minute},
		"over a reboot into the past": {osutil.Moment{Wall: noon.AddDate(-1, 0, 0), Boot: "b", Uptime: 10 * time.Second}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := stopped.Until(c.later); got != c.want {
				t.Errorf("%v have passed, want %v", got, c.want)
			}
		})
	}
}

func TestEndIsToldToTheMillisecond(t *testing.T) {
	end := osutil.CountFrom(8 * time.Hour).End()
	if left := time.Until(end); left > 8*time.Hour+time.Second || left < 7*time.Hour || end.Nanosecond()%1e6 != 0 {
		t.Errorf("got %v, in %v", end, left)
	}
}
