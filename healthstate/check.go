package healthstate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkginfo"
)

// What the health of a check may be.
const (
	Passed = "passed"
	Warn   = "warn"
	Fail   = "fail"
)

// The limits of what one run may report.
const (
	MaxChecks    = pkginfo.MaxChecks // of a record
	MaxData      = 16                // data keys of a check
	MaxCheckSize = 4 << 10           // bytes of a check: name, message and data
)

// NewCheck makes a check of what a hook or app reports, or says what is wrong
// with it. qos is nil or from 0 to 1.
func NewCheck(name, health, message string, qos *float64, data map[string]string) (api.Check, error) {
	if err := checkName("check", name); err != nil {
		return api.Check{}, err
	}
	if badness(health) < 0 {
		return api.Check{}, fmt.Errorf("check %q has no health %q; accepted: passed, warn, fail", name, health)
	}
	message, err := CleanMessage(message)
	if err != nil {
		return api.Check{}, fmt.Errorf("check %q: %w", name, err)
	}
	if qos != nil && !(*qos >= 0 && *qos <= 1) { // so that NaN is refused too
		return api.Check{}, fmt.Errorf("check %q has qos %v; accepted: 0 to 1", name, *qos)
	}
	if err := checkData(name, data); err != nil {
		return api.Check{}, err
	}
	c := api.Check{Name: name, Health: health, Message: message, QoS: copied(qos), Data: maps.Clone(data)}
	if c.Data == nil {
		c.Data = map[string]string{}
	}
	if n := size(c); n > MaxCheckSize {
		return api.Check{}, fmt.Errorf("check %q has %d bytes; at most %d are kept", name, n, MaxCheckSize)
	}
	return c, nil
}

func checkData(check string, data map[string]string) error {
	if len(data) > MaxData {
		return fmt.Errorf("check %q has %d data keys; at most %d are kept", check, len(data), MaxData)
	}
	for key, value := range data {
		if err := checkName("datum", key); err != nil {
			return fmt.Errorf("check %q: %w", check, err)
		}
		if !utf8.ValidString(value) || strings.IndexFunc(value, breaksLine) >= 0 {
			return fmt.Errorf("check %q: value of %q is not one line of valid UTF-8", check, key)
		}
	}
	return nil
}

// badness orders healths, the worst highest; -1 is no health.
func badness(health string) int {
	return slices.Index([]string{Passed, Warn, Fail}, health)
}

func size(c api.Check) int {
	n := len(c.Name) + len(c.Message)
	for key, value := range c.Data {
		n += len(key) + len(value)
	}
	return n
}

func copied(qos *float64) *float64 {
	if qos == nil {
		return nil
	}
	q := *qos
	return &q
}

// checks are the checks of one run by name. What they come to does not depend
// on the order in which they were added.
type checks map[string]api.Check

// add takes c in, merged with the one of that name.
func (cs checks) add(c api.Check) {
	if old, ok := cs[c.Name]; ok {
		c = merge(old, c)
	}
	cs[c.Name] = c
}

// merge makes one check of two of the same name: the worst health with its
// message, the least qos, all data. Each choice is the least or greatest of an
// order, so that neither sequence nor grouping matters.
func merge(a, b api.Check) api.Check {
	worst := slices.MaxFunc([]api.Check{a, b}, func(x, y api.Check) int {
		return cmp.Or(
			cmp.Compare(badness(x.Health), badness(y.Health)),
			cmp.Compare(min(len(x.Message), 1), min(len(y.Message), 1)), // some message before none
			cmp.Compare(y.Message, x.Message),
		)
	})
	return api.Check{
		Name:    a.Name,
		Health:  worst.Health,
		Message: worst.Message,
		QoS:     leastQoS([]api.Check{a, b}),
		Data:    union(a.Data, b.Data),
	}
}

// union has the keys of both, the least of two values, and of too many keys the
// least.
func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	for key, value := range b {
		if old, ok := all[key]; !ok || value < old {
			all[key] = value
		}
	}
	if len(all) > MaxData {
		for _, key := range slices.Sorted(maps.Keys(all))[MaxData:] {
			delete(all, key)
		}
	}
	return all
}

// list gives the checks sorted by name and within the limits: of too many the
// worst stay, and data that do not fit are left out from the last key on.
func (cs checks) list() []api.Check {
	all := slices.AppendSeq([]api.Check{}, maps.Values(cs)) // never nil: none is [] in JSON
	slices.SortFunc(all, func(x, y api.Check) int {
		return cmp.Or(cmp.Compare(badness(y.Health), badness(x.Health)), cmp.Compare(x.Name, y.Name))
	})
	all = all[:min(len(all), MaxChecks)]
	slices.SortFunc(all, func(x, y api.Check) int { return cmp.Compare(x.Name, y.Name) })
	for i := range all {
		all[i] = fitted(all[i])
	}
	return all
}

func fitted(c api.Check) api.Check {
	n := size(c)
	if n <= MaxCheckSize {
		return c
	}
	c.Data = maps.Clone(c.Data)
	keys := slices.Sorted(maps.Keys(c.Data))
	for i := len(keys) - 1; n > MaxCheckSize && i >= 0; i-- {
		n -= len(keys[i]) + len(c.Data[keys[i]])
		delete(c.Data, keys[i])
	}
	return c
}

// MergeChecks makes one sorted list of several, order-independent and within
// the limits.
func MergeChecks(lists ...[]api.Check) []api.Check {
	all := checks{}
	for _, list := range lists {
		for _, c := range list {
			all.add(c)
		}
	}
	return all.list()
}

// leastQoS is the least qos of the checks; none: nil.
func leastQoS(list []api.Check) *float64 {
	least := math.Inf(1)
	for _, c := range list {
		if c.QoS != nil {
			least = min(least, *c.QoS)
		}
	}
	if math.IsInf(least, 1) {
		return nil
	}
	return &least
}

// worstHealth is the worst health of the checks; none: nil.
func worstHealth(list []api.Check) *string {
	if len(list) == 0 {
		return nil
	}
	worst := slices.MaxFunc(list, func(x, y api.Check) int {
		return cmp.Compare(badness(x.Health), badness(y.Health))
	}).Health
	return &worst
}
