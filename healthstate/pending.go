package healthstate

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// pendingKey is where a run's words lie among its values.
const pendingKey = "health"

// maxBlockers bounds the list that `set-health blocked` takes.
const maxBlockers = 64

// errPluginStatus tells a plug-in that its words would be lost: one part cannot
// speak for the whole.
var errPluginStatus = errors.New("an executable of meta/health.d is one check, and says how it is by its exit status: set-health is for hooks")

// Pending is what a running hook has said so far. It takes effect when the hook
// ends. Checks are as they were merged, sorted.
type Pending struct {
	Status   Status // empty: no status was set
	Code     string
	Message  string
	Blockers []string
	Checks   []api.Check
}

// said is what lies in the run's values. It is never changed: every word makes a
// new one, because a call that fails must leave nothing behind.
type said struct {
	words  Pending // but for Checks
	checks checks
}

// PendingOf gives what the run that c belongs to has said; it may have ended.
func PendingOf(c *hookrunner.Context) Pending {
	if c == nil {
		return Pending{}
	}
	var s said
	c.View(func(v hookrunner.Values) { s, _ = v[pendingKey].(said) })
	p := s.words
	p.Checks = s.checks.list()
	return p
}

// SetHealth notes the status that a hook sets, replacing what it set before. The
// warning is for the hook's stderr.
func SetHealth(c *hookrunner.Context, status, code, message string, blockers []string) (warning string, err error) {
	words, warning, err := newWords(status, code, message, blockers)
	if err != nil {
		return "", err
	}
	if c.Plugin() {
		return "", errPluginStatus
	}
	return warning, c.Update(func(v hookrunner.Values) error {
		old, _ := v[pendingKey].(said)
		v[pendingKey] = said{words: words, checks: old.checks}
		return nil
	})
}

// AddCheck notes a check that a hook reports. Two of one name are merged.
func AddCheck(c *hookrunner.Context, name, health, message string, qos *float64, data map[string]string) error {
	check, err := NewCheck(name, health, message, qos, data)
	if err != nil {
		return err
	}
	return c.Update(func(v hookrunner.Values) error {
		old, _ := v[pendingKey].(said)
		next := checks{}
		maps.Copy(next, old.checks)
		next.add(check)
		if len(next) > MaxChecks {
			return fmt.Errorf("cannot add check %q: a run reports at most %d checks", name, MaxChecks)
		}
		v[pendingKey] = said{words: old.words, checks: next}
		return nil
	})
}

// newWords checks what a hook or app wants to say (design §2).
func newWords(status, code, message string, blockers []string) (p Pending, warning string, err error) {
	p.Status, err = ParseStatus(status)
	if err != nil {
		return Pending{}, "", err
	}
	if p.Message, err = CleanMessage(message); err != nil {
		return Pending{}, "", err
	}
	if code != "" {
		if err := CheckCode(code); err != nil {
			return Pending{}, "", err
		}
	}
	p.Code = code
	if p.Blockers, err = cleanBlockers(p.Status, blockers); err != nil {
		return Pending{}, "", err
	}
	switch {
	case p.Status == Active && (p.Code != "" || p.Message != ""):
		return Pending{}, "", errors.New("active takes neither a message nor a code: leave them out")
	case p.Status != Active && p.Message == "":
		warning = fmt.Sprintf("%s without a message: say in a few words why", p.Status)
	}
	return p, warning, nil
}

func cleanBlockers(status Status, blockers []string) ([]string, error) {
	if len(blockers) == 0 {
		return nil, nil
	}
	if status != Blocked {
		return nil, fmt.Errorf("%s takes no blockers: only blocked does", status)
	}
	for _, name := range blockers {
		if err := checkName("blocker", name); err != nil {
			return nil, err
		}
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(blockers)))
	if len(sorted) > maxBlockers {
		return nil, fmt.Errorf("%d blockers are named; at most %d are kept", len(sorted), maxBlockers)
	}
	return sorted, nil
}
