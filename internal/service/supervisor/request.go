package supervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"pkgd.io/pkgd/internal/service"
)

// Start runs units, each once those before it are ready.
func (s *Supervisor) Start(ctx context.Context, units []service.Unit) error {
	for _, u := range units {
		if err := u.Check(); err != nil {
			return err
		}
	}
	units, err := service.Order(units)
	if err != nil {
		return err
	}
	return each(packagesOf(units), func(pkg string) error {
		return s.startPackage(ctx, pkg, unitsOf(units, pkg))
	})
}

func (s *Supervisor) startPackage(ctx context.Context, pkg string, units []service.Unit) error {
	patience, end, err := s.group(pkg).start(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := s.Ping(ctx); err != nil {
		return err
	}
	s.startInOrder(ctx, patience, units)
	return ctx.Err()
}

// startInOrder starts each unit as soon as those it follows have settled, and
// returns when all have. When patience ends it starts the rest without waiting,
// when ctx ends it starts no more.
func (s *Supervisor) startInOrder(ctx, patience context.Context, units []service.Unit) {
	settled := make(map[string]chan struct{}, len(units))
	for _, u := range units {
		settled[u.Name] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for _, u := range units {
		wg.Go(func() {
			defer close(settled[u.Name])
			for _, before := range u.After {
				await(patience, settled[before])
			}
			if ctx.Err() == nil {
				s.keeper(u).start(ctx, patience, u)
			}
		})
	}
	wg.Wait()
}

// await waits for done, which may be nil for nothing, or the end of ctx.
func await(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Stop ends services, each once those that follow it have ended.
func (s *Supervisor) Stop(ctx context.Context, pkg string, names []string) error {
	end, err := s.group(pkg).stop(ctx)
	if err != nil {
		return err
	}
	defer end()
	return stopInOrder(ctx, s.named(pkg, names))
}

func stopInOrder(ctx context.Context, keepers []*keeper) error {
	var units []service.Unit
	ended := make(map[string]chan struct{}, len(keepers))
	for _, k := range keepers {
		units = append(units, k.known())
		ended[k.name] = make(chan struct{})
	}
	if _, err := service.Order(units); err != nil {
		units = nil // told of in different requests, they form a ring: all at once
	}
	return each(keepers, func(k *keeper) error {
		defer close(ended[k.name])
		for _, other := range units {
			if other.Follows(k.known()) {
				await(ctx, ended[other.Name])
			}
		}
		return k.stop(ctx)
	})
}

// Restart is Stop and then Start.
func (s *Supervisor) Restart(ctx context.Context, units []service.Unit) error {
	err := each(packagesOf(units), func(pkg string) error {
		var names []string
		for _, u := range unitsOf(units, pkg) {
			names = append(names, u.Name)
		}
		return s.Stop(ctx, pkg, names)
	})
	if err != nil {
		return err
	}
	return s.Start(ctx, units)
}

// Forget stops the package's services and drops their logs.
func (s *Supervisor) Forget(ctx context.Context, pkg string) error {
	if err := s.Stop(ctx, pkg, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.keepers {
		if k.pkg == pkg && k.idle() {
			delete(s.keepers, id)
			delete(s.logs, id)
		}
	}
	return os.RemoveAll(filepath.Join(s.dirs.Logs(), pkg))
}

// Shutdown stops all services. When ctx ends they are killed.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		return nil
	}
	var pkgs []string
	for _, k := range s.keepersOf("") {
		pkgs = append(pkgs, k.pkg)
	}
	slices.Sort(pkgs)
	err := each(slices.Compact(pkgs), func(pkg string) error { return s.stopForGood(ctx, pkg) })
	s.left.close(ctx)
	s.events.Close()
	s.cgroups.Close()
	s.disown()
	_ = os.Remove(s.dirs.RunServices()) // stays where a record does: something may live
	return err
}

// stopForGood is Stop, but kills what has not stopped when ctx ends.
func (s *Supervisor) stopForGood(ctx context.Context, pkg string) error {
	defer context.AfterFunc(ctx, func() {
		for _, k := range s.named(pkg, nil) {
			k.kill()
		}
	})()
	return s.Stop(context.WithoutCancel(ctx), pkg, nil)
}

// each runs f for all items at once and joins their errors.
func each[T any](items []T, f func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = f(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func packagesOf(units []service.Unit) []string {
	var pkgs []string
	for _, u := range units {
		if !slices.Contains(pkgs, u.Package) {
			pkgs = append(pkgs, u.Package)
		}
	}
	return pkgs
}

func unitsOf(units []service.Unit, pkg string) []service.Unit {
	return slices.DeleteFunc(slices.Clone(units), func(u service.Unit) bool { return u.Package != pkg })
}
