package public

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// The bar goes back so many days, in so many slots: what is shorter than a slot
// is drawn with the slot's worst, lest an hour of fault vanish between the pixels
// of ninety days.
const (
	barDays  = 90
	barSlots = 180
)

// span is a stretch of the bar of one status. Left and Width are percentages.
type span struct {
	Status      string
	Left, Width string
	Title       string
}

// stretch is a time of one status.
type stretch struct {
	from, to     time.Time
	status, tell string
}

// stretches puts transitions, newest first, in order and end to end.
func stretches(rec api.Record, transitions []api.Transition, expose exposure, now time.Time) []stretch {
	var all []stretch
	end := now
	for _, t := range transitions {
		why := ""
		if expose == full {
			why = words(t.Code, t.Message)
		}
		all = append(all, stretch{from: t.At, to: end, status: t.To, tell: why})
		end = t.At
	}
	if len(all) == 0 && rec.Since != nil {
		all = append(all, stretch{from: *rec.Since, to: now, status: rec.Status})
	}
	return all
}

// spans draws the bar.
func spans(rec api.Record, transitions []api.Transition, expose exposure, now time.Time) []span {
	begin := now.Add(-barDays * 24 * time.Hour)
	slot := now.Sub(begin) / barSlots
	var worst [barSlots]*stretch
	for _, st := range stretches(rec, transitions, expose, now) {
		if !st.to.After(begin) {
			break // older ones follow
		}
		first := max(0, int(st.from.Sub(begin)/slot))
		last := min(barSlots-1, int(st.to.Sub(begin)/slot))
		for i := first; i <= last; i++ {
			if worst[i] == nil || severity(st.status) > severity(worst[i].status) {
				worst[i] = &st
			}
		}
	}
	return join(worst[:], now)
}

// join makes one span of neighbours that show the same stretch or status.
func join(slots []*stretch, now time.Time) []span {
	var all []span
	for i := 0; i < len(slots); {
		j := i + 1
		for j < len(slots) && alike(slots[i], slots[j]) {
			j++
		}
		if st := slots[i]; st != nil {
			all = append(all, span{Status: st.status, Left: percent(i), Width: percent(j - i), Title: st.title(now)})
		}
		i = j
	}
	return all
}

func alike(a, b *stretch) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.status == b.status && a.tell == b.tell
}

func (st *stretch) title(now time.Time) string {
	text := fmt.Sprintf("%s since %s (%s ago)", st.status, st.from.UTC().Format("2 Jan 15:04 UTC"), ago(now.Sub(st.from)))
	if st.tell != "" {
		text += ": " + st.tell
	}
	return text
}

func percent(slots int) string {
	return strconv.FormatFloat(float64(slots)*100/barSlots, 'f', 3, 64) + "%"
}

// severity orders statuses by what one would want to see first.
func severity(status string) int {
	for i, s := range healthstate.Statuses() {
		if string(s) == status {
			return i
		}
	}
	return -1
}

// axis is the bar for who cannot see it: how much of the time was well.
func axis(rec api.Record, transitions []api.Transition, now time.Time) string {
	begin := now.Add(-barDays * 24 * time.Hour)
	var well, known time.Duration
	for _, st := range stretches(rec, transitions, counts, now) {
		if st.from.Before(begin) {
			st.from = begin
		}
		d := max(0, st.to.Sub(st.from))
		known += d
		if st.status == string(healthstate.Active) {
			well += d
		}
	}
	if known == 0 {
		return "nothing known yet"
	}
	// Cut off, not rounded: what was ever unwell was not well all the time.
	share := math.Floor(10000*float64(well)/float64(known)) / 100
	return fmt.Sprintf("active for %v %% of the last %s", share, ago(known))
}
