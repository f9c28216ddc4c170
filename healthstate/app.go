package healthstate

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/hookrunner"
)

// SetApp takes in the status that a service or app sets, at once. The warning is
// for its stderr.
func (m *Manager) SetApp(c *hookrunner.Context, status, code, message string, blockers []string) (warning string, err error) {
	words, warning, err := newWords(status, code, message, blockers)
	if err != nil {
		return "", err
	}
	return warning, m.fromApp(c, func(t Target, was *known) *known {
		if was != nil && was.Source == SourceApp {
			words.Checks = was.Checks
		}
		return appRecord(t, words)
	})
}

// AddAppCheck takes in a check that a service or app reports, at once; it
// replaces the earlier one of that name. A status that somebody set stays, one
// that came from checks is rolled up anew, and where none is known the checks
// give it.
func (m *Manager) AddAppCheck(c *hookrunner.Context, name, health, message string, qos *float64, data map[string]string) error {
	check, err := NewCheck(name, health, message, qos, data)
	if err != nil {
		return err
	}
	return m.fromApp(c, func(t Target, was *known) *known {
		all := checks{}
		if was != nil {
			for _, old := range was.Checks {
				all[old.Name] = old
			}
		}
		all[name] = check
		words := Pending{Checks: all.list()}
		if was == nil || Status(was.Status) == Unknown || was.Code == CodeRefreshing {
			return appRecord(t, words)
		}
		if !was.Rolled {
			words.Status, words.Code, words.Message, words.Blockers = Status(was.Status), was.Code, was.Message, was.Blockers
		}
		k := appRecord(t, words)
		if was.Source != SourceApp { // what was heard is as old as it was
			k.Source, k.CheckedAt = was.Source, was.CheckedAt
		}
		return k
	})
}

func appRecord(t Target, words Pending) *known {
	o := conclude(t, "", heard{at: time.Now(), hook: &hookrunner.Result{}, words: words})
	o.Record.Source = SourceApp
	return &known{Record: o.Record, Rolled: o.rolled}
}

// fromApp makes the record that follows from what an app says. speak gets the
// present record, if it is of this revision.
func (m *Manager) fromApp(c *hookrunner.Context, speak func(Target, *known) *known) error {
	p, t, ok := m.speaker(c)
	if !ok {
		return fmt.Errorf("revision %d of package %q is no longer current: what it says does not count", c.Revision(), c.Package())
	}
	now := time.Now()
	_, ok = m.takeIn(p, t, "", now, func(was *known) *known {
		mine := was
		if !was.of(t.Revision) {
			mine = nil
		}
		k := speak(t, mine)
		k.Since = since(was, k, now)
		if mine != nil {
			k.Runs, k.Duration = mine.Runs, mine.Duration
		}
		if mine != nil && mine.Code == CodeServiceDown {
			m.askSoon(p) // that is not the app's to deny
		}
		return k
	})
	if !ok {
		return notInstalled(c.Package())
	}
	return nil
}
