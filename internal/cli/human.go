package cli

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/human"
)

// since says how long ago a moment was, in the largest unit that fits.
func since(now time.Time, at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return human.Span(now.Sub(*at))
}

// ago is since with the word for it.
func ago(now time.Time, at *time.Time) string {
	if at == nil || at.IsZero() {
		return "never"
	}
	d := now.Sub(*at)
	if d < time.Second {
		return "just now"
	}
	return human.Span(d) + " ago"
}

// in says when something will be.
func in(now time.Time, at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	d := at.Sub(now)
	if d < time.Second {
		return "now"
	}
	return "in " + human.Span(rounded(d))
}

// rounded is a time to come, to the nearest of the unit in which it is told:
// 7 h 59 min are in 8 h. (A time that has passed is told in whole units.)
func rounded(d time.Duration) time.Duration {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if r := d.Round(unit); r >= unit {
			return r
		}
	}
	return d
}

// size is a number of bytes: "812 B", "1.4 MiB".
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1023.95 && unit < 4 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[unit])
}

// stamp is a moment by the person's clock.
func (a *app) stamp(at time.Time) string {
	return at.In(a.env.Now().Location()).Format("2006-01-02 15:04:05")
}
