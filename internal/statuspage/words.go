package statuspage

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

const stampFormat = "2 Jan 15:04"

// fromTo tells a stretch of time, and the second day only where it is another.
func fromTo(from, to time.Time) string {
	format := stampFormat
	if from.YearDay() == to.YearDay() {
		format = "15:04"
	}
	return from.Format(stampFormat) + " to " + to.Format(format)
}

// reason is a code with its message.
func reason(code, message string) string {
	switch {
	case code == "":
		return message
	case message == "":
		return code
	}
	return code + ": " + message
}

// percent is a share that is 100 only when nothing is missing, and 0 only when
// all is.
func percent(part, whole time.Duration) string {
	switch {
	case whole <= 0:
		return ""
	case part >= whole:
		return "100 %"
	case part <= 0:
		return "0 %"
	}
	tenths := min(max(int(1000*part.Seconds()/whole.Seconds()), 1), 999)
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

// tell is what a span says to who points at it.
func (s span) tell(x exposure, zone *time.Location) string {
	n := len(s.within)
	if n == 0 {
		return s.status
	}
	first, last := s.within[0], s.within[n-1]
	from, to := first.from.In(zone), last.to.In(zone)
	text := s.status
	if n > 1 {
		text = fmt.Sprintf("%s %d times", s.status, n)
	}
	if s.now {
		text += " since " + from.Format(stampFormat)
	} else {
		text += ", " + fromTo(from, to)
	}
	if s.status != string(healthstate.Active) {
		var sum time.Duration
		for _, st := range s.within {
			sum += st.length()
		}
		text += fmt.Sprintf(" (%s)", human.Seconds(sum.Seconds()))
	}
	if why := reason(last.code, last.message); x >= full && why != "" {
		text += " — " + why
	}
	return text
}

// headline tells the level in a sentence. Packages that have no hook are
// installed, but not counted.
func headline(level string, counts map[string]int, installed int) string {
	all := 0
	for _, n := range counts {
		all += n
	}
	broken, stuck := counts[string(healthstate.Error)], counts[string(healthstate.Blocked)]
	unwell := all - counts[string(healthstate.Active)]
	switch {
	case level == healthstate.LevelOK && all == 1:
		return "The package is well"
	case level == healthstate.LevelOK:
		return fmt.Sprintf("All %d packages are well", all)
	case installed == 0:
		return "No package is installed"
	case level == healthstate.LevelUnknown:
		return "No package says how it is"
	case broken+stuck == 0 && level == healthstate.LevelFault:
		return "No package has been heard of lately"
	case broken > 0 && stuck > 0:
		return oneOf(broken+stuck, all, "needs help", "need help")
	case broken > 0:
		return oneOf(broken, all, "is broken", "are broken")
	case stuck > 0:
		return oneOf(stuck, all, "needs a person", "need a person")
	case unwell == 0:
		return "All packages work, not all of them fully"
	}
	return oneOf(unwell, all, "is not quite well", "are not quite well")
}

func oneOf(n, all int, is, are string) string {
	switch {
	case all == 1:
		return "The package " + is
	case n == all:
		return fmt.Sprintf("All %d packages %s", all, are)
	case n == 1:
		return fmt.Sprintf("1 of %d packages %s", all, is)
	}
	return fmt.Sprintf("%d of %d packages %s", n, all, are)
}

// outcome is what a change came to, in words and as one of three moods.
func outcome(w api.Why) (words, mood string) {
	switch w.Outcome {
	case api.OutcomeReverted:
		return "taken back", "bad"
	case api.OutcomeRevertFailed:
		return "taken back, and not well", "bad"
	case api.OutcomeFailed:
		return "failed and undone", "bad"
	case api.OutcomeKept:
		return "kept, not well", "odd"
	case api.OutcomeUnproven:
		return "kept, unproven", "odd"
	}
	switch w.Kind {
	case "install":
		return "installed", "good"
	case "remove":
		return "removed", "good"
	case "revert":
		return "taken back by hand", "good"
	}
	return "refreshed", "good"
}
