package cli

import (
	"fmt"
	"time"
)

// since says how long ago a moment was, in the largest unit that fits.
func since(now time.Time, at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return span(now.Sub(*at))
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
	return span(d) + " ago"
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
	return "in " + span(rounded(d))
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

// span is a duration for people: "12 s", "2 min", "3 h", "1 day", "3 days".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 48*time.Hour:
		return "1 day"
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// seconds is a measured time: "0.08 s", "0.2 s", "12 s", "3 min".
func seconds(s float64) string {
	switch {
	case s < 0.0095:
		return fmt.Sprintf("%.3f s", s)
	case s < 0.095:
		return fmt.Sprintf("%.2f s", s)
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 60:
		return fmt.Sprintf("%.0f s", s)
	}
	return span(time.Duration(s * float64(time.Second)))
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

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// stamp is a moment by the person's clock.
func (a *app) stamp(at time.Time) string {
	return at.In(a.env.Now().Location()).Format("2006-01-02 15:04:05")
}
