package human_test

import (
	"testing"
	"time"

	"pkgd.io/pkgd/internal/human"
)

func TestASpanIsToldInItsLargestUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", time.Second: "1 s", 59 * time.Second: "59 s",
		time.Minute: "1 min", 59*time.Minute + 59*time.Second: "59 min", time.Hour: "1 h", 23 * time.Hour: "23 h",
		24 * time.Hour: "1 day", 47 * time.Hour: "1 day", 48 * time.Hour: "2 days", 90 * 24 * time.Hour: "90 days",
	} {
		if got := human.Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestAMeasuredTimeHasTheDigitsThatMatter(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0.000 s", 0.0042: "0.004 s", 0.08: "0.08 s", 0.61: "0.6 s", 9.94: "9.9 s", 11.2: "11 s", 59.4: "59 s", 61: "1 min", 7200: "2 h",
	} {
		if got := human.Seconds(s); got != want {
			t.Errorf("%v: got %q, want %q", s, got, want)
		}
	}
}

func TestANumberHasItsNoun(t *testing.T) {
	for want, got := range map[string]string{
		"1 package": human.Count(1, "package"), "0 packages": human.Count(0, "package"), "3 processes": human.Count(3, "process"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
