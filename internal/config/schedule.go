package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is when automatic refreshes happen: in windows of local time, or at
// an interval. The zero Schedule is never.
type Schedule struct {
	interval time.Duration
	windows  []window
}

// window is a stretch of local time on some days of the week.
type window struct {
	days       [7]bool // by time.Weekday
	start, end minute  // an end that is not after start is on the next day
}

// minute counts from midnight by the clock on the wall.
type minute int

const day minute = 24 * 60

// jitter is how much of an interval its length may vary, to each side, so that
// hosts that were started together do not stay together.
const jitter = 0.2

var (
	dayNames         = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	scheduleAccepted = []string{"02:00-05:00", "sat 03:00-04:00", "mon-fri 22:00-02:00", "an interval such as 6h"}
)

// Every is a schedule by interval.
func Every(d time.Duration) Schedule { return Schedule{interval: d} }

// ParseSchedule reads one interval ("6h", at least a minute), or any number of
// windows ("02:00-05:00", "sat 03:00-04:00", "mon-fri 22:00-02:00").
func ParseSchedule(texts ...string) (Schedule, error) {
	var s Schedule
	for _, text := range texts {
		if d, err := time.ParseDuration(text); err == nil {
			if d < time.Minute || d > maxInterval {
				return Schedule{}, fmt.Errorf("interval %q is not between 1m and a year", text)
			}
			s.interval = d
			continue
		}
		w, err := parseWindow(text)
		if err != nil {
			return Schedule{}, err
		}
		s.windows = append(s.windows, w)
	}
	if s.interval != 0 && len(texts) > 1 {
		return Schedule{}, errors.New("a schedule is one interval or a list of windows, not both")
	}
	return s, nil
}

func parseWindow(text string) (window, error) {
	bad := fmt.Errorf("%q is not a window of time", text)
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 || len(words) > 2 {
		return window{}, bad
	}
	w := window{days: [7]bool{true, true, true, true, true, true, true}}
	if len(words) == 2 {
		var ok bool
		if w.days, ok = parseDays(words[0]); !ok {
			return window{}, fmt.Errorf("%q is not a day of the week", words[0])
		}
	}
	from, to, ok := strings.Cut(words[len(words)-1], "-")
	start, okStart := parseMinute(from)
	end, okEnd := parseMinute(to)
	if !ok || !okStart || !okEnd || start == day {
		return window{}, bad
	}
	if start == end {
		return window{}, fmt.Errorf("window %q is empty", text)
	}
	w.start, w.end = start, end
	return w, nil
}

// parseDays reads "sat" or "mon-fri"; "sat-mon" goes over the week's end.
func parseDays(word string) (days [7]bool, ok bool) {
	from, to, ranged := strings.Cut(word, "-")
	if !ranged {
		to = from
	}
	first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
	if first < 0 || last < 0 {
		return days, false
	}
	for i := first; ; i = (i + 1) % 7 {
		days[i] = true
		if i == last {
			return days, true
		}
	}
}

// parseMinute reads "02:00" to "24:00".
func parseMinute(text string) (minute, bool) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, errH := strconv.ParseUint(hours, 10, 8)
	m, errM := strconv.ParseUint(minutes, 10, 8)
	if !ok || errH != nil || errM != nil || len(hours) > 2 || len(minutes) != 2 || m > 59 {
		return 0, false
	}
	at := minute(h)*60 + minute(m)
	return at, at <= day
}

// IsZero says that nothing is ever due.
func (s Schedule) IsZero() bool { return s.interval == 0 && len(s.windows) == 0 }

// Next is when a refresh is due that follows one at after: somewhere in the
// first window that begins later than after, or an interval later, give or take
// a fifth. rnd gives numbers from 0 up to 1, as rand.Float64 does. Windows are
// taken in after's location. The zero Schedule gives the zero time.
func (s Schedule) Next(after time.Time, rnd func() float64) time.Time {
	if s.interval > 0 {
		factor := 1 - jitter + 2*jitter*rnd()
		return after.Add(time.Duration(float64(s.interval) * factor))
	}
	start, end := s.nextWindow(after)
	if start.IsZero() {
		return start
	}
	return start.Add(time.Duration(float64(end.Sub(start)) * rnd()))
}

// Due is when a refresh is due, not before now, if the last was at last: as
// [Schedule.Next] says where that is still to come; now, where it is past and
// the schedule allows now; else in the next window.
func (s Schedule) Due(last, now time.Time, rnd func() float64) time.Time {
	next := s.Next(last, rnd)
	switch {
	case next.IsZero() || !next.Before(now):
		return next
	case s.Open(now):
		return now
	default:
		return s.Next(now, rnd)
	}
}

// Open says whether a refresh may happen at now. An interval is always open.
func (s Schedule) Open(now time.Time) bool {
	if s.interval > 0 {
		return true
	}
	for _, w := range s.windows {
		// A window that began the day before may not have ended.
		for back := -1; back <= 0; back++ {
			start, end, ok := w.on(now, back)
			if ok && !now.Before(start) && now.Before(end) {
				return true
			}
		}
	}
	return false
}

// nextWindow is the earliest window that begins after t; of several that begin
// together, the longest.
func (s Schedule) nextWindow(t time.Time) (start, end time.Time) {
	for _, w := range s.windows {
		// From the day before, since a clock that is put back makes a day's
		// start come twice; up to the same day next week.
		for ahead := -1; ahead <= 8; ahead++ {
			from, to, ok := w.on(t, ahead)
			if !ok || !from.After(t) {
				continue
			}
			if start.IsZero() || from.Before(start) || (from.Equal(start) && to.After(end)) {
				start, end = from, to
			}
			break
		}
	}
	return start, end
}

// on gives the window that begins so many days after t's day. Where the clock
// jumps over all of it, it is a single moment: a weekly window lost to summer
// time would cost a week.
func (w window) on(t time.Time, ahead int) (start, end time.Time, ok bool) {
	y, m, d := t.Date()
	d += ahead
	// Noon exists on every day; midnight does not.
	if !w.days[time.Date(y, m, d, 12, 0, 0, 0, t.Location()).Weekday()] {
		return start, end, false
	}
	start = wall(y, m, d, w.start, t.Location())
	if w.end <= w.start {
		d++
	}
	end = wall(y, m, d, w.end, t.Location())
	if end.Before(start) {
		end = start
	}
	return start, end, true
}

func wall(y int, m time.Month, d int, at minute, loc *time.Location) time.Time {
	return time.Date(y, m, d, int(at/60), int(at%60), 0, 0, loc)
}
