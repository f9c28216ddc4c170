package statuspage

import (
	"fmt"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
)

var (
	Headline = headline
	Percent  = percent
)

// BarCells is how many cells a bar has.
const BarCells = barCells

// BarWords writes a bar as "FIRST+CELLS status" for each span, from today
// backwards: the last cell is 0.
func BarWords(past []api.Transition, rec api.Record, now time.Time) string {
	var words []string
	for _, s := range newBar(past, rec, now).spans {
		words = append(words, fmt.Sprintf("%d+%d %s", barCells-s.first-1, s.cells, s.status))
	}
	return strings.Join(words, ", ")
}

// BarLabels is what each span of a bar says to who may learn all.
func BarLabels(past []api.Transition, rec api.Record, now time.Time) (labels []string) {
	for _, s := range newBarView(newBar(past, rec, now), rec.Package, full, now).Spans {
		labels = append(labels, s.Label)
	}
	return labels
}

// BarShare is the share of time in which the package was active.
func BarShare(past []api.Transition, rec api.Record, now time.Time) string {
	return newBarView(newBar(past, rec, now), rec.Package, full, now).Share
}
