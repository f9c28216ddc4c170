package statuspage

import (
	"fmt"
	"strings"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/human"
)

// barHeight is how high a bar is drawn. Each status has its own height, so that
// a bar can be read without its colours.
const barHeight = 28

func heightOf(status string) int {
	switch healthstate.Status(status) {
	case healthstate.Active:
		return 12
	case healthstate.Maintenance, healthstate.Waiting:
		return 18
	case healthstate.Blocked:
		return 23
	case healthstate.Error:
		return barHeight
	}
	return 6
}

type barView struct {
	Width, Height int
	Share         string // of the known time that it was active
	Label         string
	Spans         []spanView
}

type spanView struct {
	X, Y, Width, Height int
	Status              string
	Label               string
	Last                bool // where the keyboard comes in
}

func newBarView(b bar, name string, x exposure, now time.Time) barView {
	v := barView{Width: barCells, Height: barHeight, Share: percent(b.active, b.known)}
	for i, s := range b.spans {
		h := heightOf(s.status)
		v.Spans = append(v.Spans, spanView{
			X: s.first, Width: s.cells, Y: barHeight - h, Height: h,
			Status: known(s.status), Label: s.tell(x, now.Location()), Last: i == len(b.spans)-1,
		})
	}
	v.Label = name + ", last 90 days: " + b.summary()
	return v
}

// summary is the bar for who does not see it.
func (b bar) summary() string {
	if b.known <= 0 {
		return "no history yet"
	}
	parts := []string{"active " + percent(b.active, b.known) + " of the time"}
	times := map[string]int{}
	for _, s := range b.spans {
		times[s.status] += len(s.within)
	}
	for i := len(ranked) - 1; i > 0; i-- {
		if n := times[string(ranked[i])]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", ranked[i], human.Count(n, "time")))
		}
	}
	return strings.Join(parts, ", ")
}
