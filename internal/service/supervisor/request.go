package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"slices"

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
	return service.EachPackage(units, func(pkg string, units []service.Unit) error {
		return s.startPackage(ctx, pkg, units)
	})
}

func (s *Supervisor) startPackage(ctx context.Context, pkg string, units []service.Unit) error {
	patience, end, err := s.turns.Start(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	if err := s.Ping(ctx); err != nil {
		return err
	}
	service.StartInOrder(ctx, patience, units, func(u service.Unit) { s.keeper(u).start(ctx, patience, u) })
	return ctx.Err()
}

// Stop ends services, each once those that follow it have ended, and waits for
// what outlived an earlier daemon: who stops them is about to touch their data.
func (s *Supervisor) Stop(ctx context.Context, pkg string, names []string) error {
	end, err := s.turns.Stop(ctx, pkg)
	if err != nil {
		return err
	}
	defer end()
	s.left.await(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
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
	return service.Each(keepers, func(k *keeper) error {
		defer close(ended[k.name])
		for _, other := range units {
			if other.Follows(k.known()) {
				service.Await(ctx, ended[other.Name])
			}
		}
		return k.stop(ctx)
	})
}

// Restart is Stop and then Start.
func (s *Supervisor) Restart(ctx context.Context, units []service.Unit) error {
	err := service.EachPackage(units, func(pkg string, units []service.Unit) error {
		return s.Stop(ctx, pkg, service.Names(units))
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
	err := service.Each(slices.Compact(pkgs), func(pkg string) error { return s.stopForGood(ctx, pkg) })
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
