package statuspage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/statuspage"
)

// noon is in the second cell of its day, so that the last cell has begun.
var noon = time.Date(2026, 5, 20, 13, 0, 0, 0, time.UTC)

// pastOf reads "AGO status[:code], …", the oldest first, as what History gives.
func pastOf(t *testing.T, text string) (past []api.Transition) {
	t.Helper()
	from := "unknown"
	for _, line := range strings.Split(text, ", ") {
		when, to, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		ago, err := time.ParseDuration(when)
		if err != nil {
			t.Fatal(err)
		}
		to, code, _ := strings.Cut(to, ":")
		past = append(past, api.Transition{At: noon.Add(-ago), From: from, To: to, Code: code})
		from = to
	}
	slices.Reverse(past)
	return past
}

func TestABarShowsTheWorstOfEachHalfDay(t *testing.T) {
	for _, row := range []struct{ past, want string }{
		{"", ""},
		{"30m active", "0+1 active"},
		{"48h active", "4+5 active"},
		{"48h active, 24h error, 23h59m59s active", "4+2 active, 2+1 error, 1+2 active"},
		{"48h waiting, 47h59m active, 30m error", "4+1 waiting, 3+3 active, 0+1 error"},
		{"48h active, 24h50m blocked, 24h40m error, 24h30m active", "4+2 active, 2+1 error, 1+2 active"},
		{"4000h active", "179+180 active"},
	} {
		if got := statuspage.BarWords(pastOf(t, row.past), api.Record{}, noon); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.past, got, row.want)
		}
	}
}

func TestWhatWasBeforeTheOldestTransitionIsKnownFromIt(t *testing.T) {
	past := []api.Transition{{At: noon.Add(-30 * time.Minute), From: "error", To: "active"}}
	if got, want := statuspage.BarWords(past, api.Record{}, noon), "179+180 error"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	full := make([]api.Transition, healthstate.HistorySize)
	for i := range full {
		full[i] = api.Transition{At: noon.Add(-time.Duration(i) * time.Second), From: "error", To: "error"}
	}
	if got, want := statuspage.BarWords(full, api.Record{}, noon), "0+1 error"; got != want {
		t.Errorf("with a history cut to size: got %s, want %s: nobody knows what was before", got, want)
	}
}

func TestARecordWithoutHistoryIsABarOfItsOwn(t *testing.T) {
	since := noon.Add(-24 * time.Hour)
	got := statuspage.BarWords(nil, api.Record{Status: "active", Since: &since}, noon)
	if want := "2+3 active"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestASpanTellsWhenAndWhy(t *testing.T) {
	past := pastOf(t, "72h active, 25h error:no-disk, 24h30m active, 20m blocked:no-key")
	past[0].Message = "The key is lost"
	want := []string{
		"active, 17 May 13:00 to 19 May 12:00",
		"error, 19 May 12:00 to 12:30 (30 min) — no-disk",
		"active, 19 May 12:30 to 20 May 12:40",
		"blocked since 20 May 12:40 (20 min) — no-key: The key is lost",
	}
	if d := cmp.Diff(want, statuspage.BarLabels(past, api.Record{}, noon)); d != "" {
		t.Error(d)
	}
	flapping := pastOf(t, "72h active, 30m error:a, 28m active, 20m error:b, 10m active")
	labels := statuspage.BarLabels(flapping, api.Record{}, noon)
	if got, want := labels[len(labels)-1], "error 2 times, 20 May 12:30 to 12:50 (12 min) — b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAShareIsWholeOnlyWhenNothingIsMissing(t *testing.T) {
	for past, want := range map[string]string{
		"":                                   "",
		"48h active":                         "100 %",
		"2000h active, 1h error, 59m active": "99.9 %",
		"48h error":                          "0 %",
		"48h error, 1ms active":              "0.1 %",
		"40h active, 10h error":              "75.0 %",
	} {
		if got := statuspage.BarShare(pastOf(t, past), api.Record{}, noon); got != want {
			t.Errorf("%q: got %s, want %s", past, got, want)
		}
	}
}

// TestSpansNeverOverlapAndTroubleIsNeverLost draws any past.
func TestSpansNeverOverlapAndTroubleIsNeverLost(t *testing.T) {
	statuses := []string{"unknown", "active", "maintenance", "waiting", "blocked", "error"}
	rapid.Check(t, func(t *rapid.T) {
		var past []api.Transition
		at, from, worst := noon, "unknown", ""
		for range rapid.IntRange(0, 50).Draw(t, "transitions") {
			at = at.Add(-time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "gap")))
			to := rapid.SampledFrom(statuses).Draw(t, "to")
			past = append(past, api.Transition{At: at, From: from, To: to})
			if to == "error" && noon.Sub(at) < 89*24*time.Hour {
				worst = to
			}
		}
		words := statuspage.BarWords(past, api.Record{}, noon)
		if !strings.Contains(words, worst) {
			t.Errorf("%s is missing in %s", worst, words)
		}
		end := statuspage.BarCells
		for _, span := range strings.Split(words, ", ") {
			if span == "" {
				continue
			}
			var first, cells int
			var status string
			if _, err := fmt.Sscanf(span, "%d+%d %s", &first, &cells, &status); err != nil {
				t.Fatal(err)
			}
			if first >= end || cells < 1 || first-cells+1 < 0 {
				t.Errorf("%s is out of place in %s", span, words)
			}
			end = first - cells + 1
		}
	})
}
