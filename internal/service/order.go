package service

import (
	"fmt"
	"slices"
)

// Order sorts units so that each comes behind those it names in After. Units
// that do not depend on each other keep their order; a name that is not among
// the units is no condition. Units that wait for each other in a ring are an
// error.
func Order(units []Unit) ([]Unit, error) {
	left := slices.Clone(units)
	sorted := make([]Unit, 0, len(units))
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(u Unit) bool { return !waits(u, left) })
		if i < 0 {
			return nil, fmt.Errorf("services wait for each other in a ring: %s; take one out of after", ids(left))
		}
		sorted = append(sorted, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return sorted, nil
}

// waits says whether one of others has to come before u.
func waits(u Unit, others []Unit) bool {
	return slices.ContainsFunc(others, func(o Unit) bool { return u.Follows(o) })
}

// Follows says whether u starts after o and stops before it.
func (u Unit) Follows(o Unit) bool {
	return u.Package == o.Package && slices.Contains(u.After, o.Name)
}

func ids(units []Unit) []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.ID()
	}
	return names
}
