package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Order sorts units so that each comes behind those it names in After. Units
// that do not depend on each other keep their order; a name that is not among
// the units is no condition. Units that wait for each other in a ring are an
// error, and so is one that is there twice.
func Order(units []Unit) ([]Unit, error) {
	seen := make(map[string]bool)
	for _, u := range units {
		if seen[u.ID()] {
			return nil, fmt.Errorf("service %q is there twice", u.ID())
		}
		seen[u.ID()] = true
	}
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

// Names gives the names of units.
func Names(units []Unit) []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.Name
	}
	return names
}

// EachPackage calls f for all packages at once, with the package's units in
// their order, and joins the errors.
func EachPackage(units []Unit, f func(pkg string, units []Unit) error) error {
	var pkgs []string
	of := make(map[string][]Unit)
	for _, u := range units {
		if of[u.Package] == nil {
			pkgs = append(pkgs, u.Package)
		}
		of[u.Package] = append(of[u.Package], u)
	}
	return Each(pkgs, func(pkg string) error { return f(pkg, of[pkg]) })
}

// Each calls f for all items at once and joins the errors.
func Each[T any](items []T, f func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = f(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// StartInOrder calls start for each of a package's units as soon as it has
// returned for those that the unit follows, and returns when all have. When
// patience ends it calls it for the rest without waiting, when ctx ends for no
// more.
func StartInOrder(ctx, patience context.Context, units []Unit, start func(Unit)) {
	settled := make(map[string]chan struct{}, len(units))
	for _, u := range units {
		settled[u.Name] = make(chan struct{})
	}
	_ = Each(units, func(u Unit) error {
		defer close(settled[u.Name])
		for _, before := range u.After {
			Await(patience, settled[before])
		}
		if ctx.Err() == nil {
			start(u)
		}
		return nil
	})
}

// Await waits for done, which may be nil for nothing, or the end of ctx.
func Await(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}
