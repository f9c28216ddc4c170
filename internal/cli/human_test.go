package cli_test

import (
	"testing"
	"time"

	"pkgd.io/pkgd/internal/cli"
)

func TestTimesAreToldAsPeopleTellThem(t *testing.T) {
	for _, test := range []struct {
		d         time.Duration
		ago, soon string
	}{
		{0, "just now", "now"},
		{900 * time.Millisecond, "just now", "now"},
		{time.Second, "1 s ago", "in 1 s"},
		{59 * time.Second, "59 s ago", "in 1 min"},
		{2*time.Minute + 50*time.Second, "2 min ago", "in 3 min"},
		{8*time.Hour - time.Second, "7 h ago", "in 8 h"},
		{25 * time.Hour, "1 day ago", "in 1 day"},
		{47 * time.Hour, "1 day ago", "in 2 days"},
		{7 * 24 * time.Hour, "7 days ago", "in 7 days"},
		{-time.Minute, "just now", "now"},
	} {
		past, future := noon.Add(-test.d), noon.Add(test.d)
		if got := cli.Ago(noon, &past); got != test.ago {
			t.Errorf("%v ago is %q, want %q", test.d, got, test.ago)
		}
		if got := cli.In(noon, &future); got != test.soon {
			t.Errorf("in %v is %q, want %q", test.d, got, test.soon)
		}
	}
	if got := cli.Ago(noon, nil); got != "never" {
		t.Errorf("no time is %q", got)
	}
}

func TestASizeHasTheDigitsThatMatter(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536000: "1.5 MiB", 1 << 40: "1.0 TiB"} {
		if got := cli.Size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
