package state

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

const (
	warningRepeats = 24 * time.Hour      // a dismissed warning that comes up again is shown no sooner
	warningFades   = 28 * 24 * time.Hour // after its last occurrence
	warningsMost   = 500                 // the ones that occurred longest ago go first
)

// Warning is something a person should know of. The same subject, code and
// message are the same warning.
type Warning struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject,omitempty"` // what it is about, or ""
	Code    string    `json:"code"`
	Message string    `json:"message"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`

	Shown     time.Time `json:"shown"`              // when it came up, or came up again after it was dismissed
	Dismissed time.Time `json:"dismissed,omitzero"` // zero: not

	gone bool
}

func (w *Warning) slot() slot { return slot{warningBucket, w.ID} }

func (w *Warning) encode() []byte {
	if w.gone {
		return nil
	}
	return mustMarshal(w)
}

func (w *Warning) faded(now time.Time) bool { return now.Sub(w.Last) > warningFades }

// Warn raises a warning, or counts one that is there. One that was dismissed
// stays so for a day.
func (s *State) Warn(subject, code, message string) {
	s.mustHold()
	now := s.now()
	sum := sha256.Sum256([]byte(subject + "\x00" + code + "\x00" + message))
	id := hex.EncodeToString(sum[:6])
	w := s.warnings[id]
	if w == nil || w.faded(now) {
		w = &Warning{ID: id, Subject: subject, Code: code, Message: message, First: now, Shown: now}
		s.replaceWarning(w)
	}
	w.Last, w.Count = now, w.Count+1
	if !w.Dismissed.IsZero() && now.Sub(w.Dismissed) >= warningRepeats {
		w.Dismissed, w.Shown = time.Time{}, now
		s.touch(w)
	}
	s.touchLazily(w)
}

func (s *State) replaceWarning(w *Warning) {
	if old := s.warnings[w.ID]; old != nil {
		s.forgetWarning(old)
	}
	if len(s.warnings) >= warningsMost {
		s.forgetWarning(slices.MinFunc(s.allWarnings(), func(a, b *Warning) int { return a.Last.Compare(b.Last) }))
	}
	s.warnings[w.ID] = w
	s.touch(w)
}

func (s *State) forgetWarning(w *Warning) {
	w.gone = true
	delete(s.warnings, w.ID)
	s.touch(w)
}

func (s *State) allWarnings() []*Warning {
	all := make([]*Warning, 0, len(s.warnings))
	for _, w := range s.warnings {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *Warning) int {
		if d := a.First.Compare(b.First); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// Warnings gives the warnings that are neither dismissed nor faded, oldest first.
func (s *State) Warnings() []Warning {
	s.mustHold()
	var out []Warning
	for _, w := range s.allWarnings() {
		if w.Dismissed.IsZero() && !w.faded(s.now()) {
			out = append(out, *w)
		}
	}
	return out
}

// OkayWarnings dismisses the warnings that came up no later than until, and
// gives their number.
func (s *State) OkayWarnings(until time.Time) int {
	s.mustHold()
	n := 0
	for _, w := range s.warnings {
		if w.Dismissed.IsZero() && !w.faded(s.now()) && !w.Shown.After(until) {
			w.Dismissed = s.now()
			s.touch(w)
			n++
		}
	}
	return n
}

// DropWarnings removes the warnings about a subject: those with one of the
// codes, or without codes all.
func (s *State) DropWarnings(subject string, codes ...string) {
	s.mustHold()
	for _, w := range s.allWarnings() {
		if w.Subject == subject && (len(codes) == 0 || slices.Contains(codes, w.Code)) {
			s.forgetWarning(w)
		}
	}
}

func (s *State) fadeWarnings() {
	for _, w := range s.allWarnings() {
		if w.faded(s.now()) {
			s.forgetWarning(w)
		}
	}
}
