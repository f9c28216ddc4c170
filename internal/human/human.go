// Package human tells times and numbers to people, in the same words wherever
// they read them: in a terminal or on the status page.
//
// Its rule: the largest unit that fits, and no more digits than one looks at.
package human

import (
	"fmt"
	"strings"
	"time"
)

// Span is a duration: "12 s", "2 min", "3 h", "1 day", "3 days". What has not
// ended is told in whole units. The page's script counts on in the same words.
func Span(d time.Duration) string {
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

// Seconds is a measured time, given in seconds: "0.08 s", "0.2 s", "12 s",
// "3 min".
func Seconds(s float64) string {
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
	return Span(time.Duration(s * float64(time.Second)))
}

// Count is a number with its noun: "1 package", "3 processes".
func Count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
