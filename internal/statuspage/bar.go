package statuspage

import (
	"slices"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// A bar is the last 90 days in cells of twelve hours. A cell has the worst
// status that there was in it, however short: what lasted a minute in three
// months could not be seen otherwise.
const (
	cellAge  = 12 * time.Hour
	barCells = int(healthstate.HistoryAge / cellAge)
)

// stretch is a time during which a package had one status.
type stretch struct {
	from, to      time.Time
	status        string
	code, message string // of its end
}

func (s stretch) length() time.Duration { return s.to.Sub(s.from) }

// span is a run of cells of one status.
type span struct {
	first, cells int
	status       string
	within       []stretch // those of that status, oldest first
	now          bool      // it lasts
}

// bar is a package's last 90 days.
type bar struct {
	spans  []span
	known  time.Duration // how much of them something is known of
	active time.Duration // of that
}

// newBar draws a package's past, which is listed newest first, and how it is
// now.
func newBar(past []api.Transition, rec api.Record, now time.Time) bar {
	start := now.Truncate(cellAge).Add(cellAge - healthstate.HistoryAge)
	all := stretches(past, rec, start, now)
	b := bar{spans: spansOf(all, start, now)}
	for _, s := range all {
		b.known += s.length()
		if s.status == string(healthstate.Active) {
			b.active += s.length()
		}
	}
	return b
}

// stretches gives what was when, oldest first and from start on. Where nothing
// is known there is none.
func stretches(past []api.Transition, rec api.Record, start, now time.Time) (all []stretch) {
	add := func(s stretch) {
		if s.from.Before(start) {
			s.from = start
		}
		if s.to.Before(s.from) { // the clock was set
			return
		}
		if n := len(all); n > 0 && all[n-1].status == s.status && all[n-1].code == s.code {
			all[n-1].to, all[n-1].message = s.to, s.message
			return
		}
		all = append(all, s)
	}
	if n := len(past); n > 0 && n < healthstate.HistorySize && past[n-1].From != string(healthstate.Unknown) {
		add(stretch{from: start, to: past[n-1].At, status: past[n-1].From})
	}
	for i, t := range slices.Backward(past) {
		to := now
		if i > 0 {
			to = past[i-1].At
		}
		add(stretch{from: t.At, to: to, status: t.To, code: t.Code, message: t.Message})
	}
	if len(past) == 0 && rec.Since != nil && rec.Status != string(healthstate.Unknown) {
		add(stretch{from: *rec.Since, to: now, status: rec.Status, code: rec.Code, message: rec.Message})
	}
	return all
}

// spansOf joins the cells that have the same worst status.
func spansOf(all []stretch, start, now time.Time) (spans []span) {
	worst := make([]string, barCells)
	for _, s := range all {
		for i := cellOf(s.from, start); i <= cellOf(s.to, start); i++ {
			if rank(s.status) > rank(worst[i]) {
				worst[i] = s.status
			}
		}
	}
	for i, status := range worst {
		n := len(spans)
		switch {
		case status == "":
		case n > 0 && spans[n-1].status == status && spans[n-1].first+spans[n-1].cells == i:
			spans[n-1].cells++
		default:
			spans = append(spans, span{first: i, cells: 1, status: status})
		}
	}
	for i := range spans {
		spans[i].fill(all, start, now)
	}
	return spans
}

func cellOf(at, start time.Time) int {
	return min(max(int(at.Sub(start)/cellAge), 0), barCells-1)
}

func (s *span) fill(all []stretch, start, now time.Time) {
	for _, st := range all {
		if st.status == s.status && cellOf(st.to, start) >= s.first && cellOf(st.from, start) < s.first+s.cells {
			s.within = append(s.within, st)
		}
	}
	n := len(s.within)
	s.now = n > 0 && s.within[n-1].to.Equal(now)
}

// rank orders the statuses by how much they are worth seeing. What is not known
// comes first.
func rank(status string) int {
	return 1 + slices.Index(ranked, healthstate.Status(status))
}

var ranked = []healthstate.Status{
	healthstate.Active, healthstate.Unknown, healthstate.Maintenance,
	healthstate.Waiting, healthstate.Blocked, healthstate.Error,
}
