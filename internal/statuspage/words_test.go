package statuspage_test

import (
	"testing"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/statuspage"
)

func TestTheHeadlineSaysWhatTheLevelMeans(t *testing.T) {
	type counts = map[string]int
	sum := func(c counts) (n int) {
		for _, m := range c {
			n += m
		}
		return n
	}
	for _, row := range []struct {
		level  string
		counts counts
		want   string
	}{
		{healthstate.LevelOK, counts{"active": 12}, "All 12 packages are well"},
		{healthstate.LevelOK, counts{"active": 1}, "The package is well"},
		{healthstate.LevelDegraded, counts{"active": 2, "waiting": 1}, "1 of 3 packages is not quite well"},
		{healthstate.LevelDegraded, counts{"active": 2}, "All packages work, not all of them fully"},
		{healthstate.LevelFault, counts{"active": 2, "error": 1}, "1 of 3 packages is broken"},
		{healthstate.LevelFault, counts{"error": 1}, "The package is broken"},
		{healthstate.LevelFault, counts{"error": 3}, "All 3 packages are broken"},
		{healthstate.LevelFault, counts{"active": 1, "blocked": 2}, "2 of 3 packages need a person"},
		{healthstate.LevelFault, counts{"active": 1, "blocked": 1, "error": 1}, "2 of 3 packages need help"},
		{healthstate.LevelFault, counts{"unknown": 3}, "No package has been heard of lately"},
		{healthstate.LevelUnknown, counts{"unknown": 1}, "No package says how it is"},
		{healthstate.LevelUnknown, counts{}, "No package is installed"},
	} {
		if got := statuspage.Headline(row.level, row.counts, sum(row.counts)); got != row.want {
			t.Errorf("%s %v: got %q, want %q", row.level, row.counts, got, row.want)
		}
	}
}
