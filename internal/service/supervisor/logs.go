package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
)

// logLocked gives the log of a service; s.mu is held.
func (s *Supervisor) logLocked(pkg, name string) *logFile {
	id := service.ID(pkg, name)
	l := s.logs[id]
	if l == nil {
		l = &logFile{path: filepath.Join(s.dirs.Logs(), pkg, name+".log")}
		s.logs[id] = l
	}
	return l
}

// Logs reads the output of one service, or of all of a package.
func (s *Supervisor) Logs(_ context.Context, pkg, name string, n int, f func(api.LogLine) error) error {
	return s.withLogs(pkg, name, func(_ map[string]*logTail, lines []api.LogLine) error {
		if n >= 0 && len(lines) > n {
			lines = lines[len(lines)-n:]
		}
		return eachLine(lines, f)
	})
}

// Follow reads it as it comes.
func (s *Supervisor) Follow(ctx context.Context, pkg, name string, since time.Time, f func(api.LogLine) error) error {
	return s.withLogs(pkg, name, func(tails map[string]*logTail, lines []api.LogLine) error {
		for len(lines) > 0 && lines[0].At.Before(since) {
			lines = lines[1:]
		}
		if err := eachLine(lines, f); err != nil {
			return err
		}
		return followLogs(ctx, pkg, tails, f)
	})
}

func eachLine(lines []api.LogLine, f func(api.LogLine) error) error {
	for _, line := range lines {
		if err := f(line); err != nil {
			return err
		}
	}
	return nil
}

// withLogs calls do with all lines of the services asked for, and the places
// behind them by name.
func (s *Supervisor) withLogs(pkg, name string, do func(map[string]*logTail, []api.LogLine) error) error {
	names, err := s.logged(pkg, name)
	if err != nil {
		return err
	}
	tails, lines, err := s.readLogs(pkg, names)
	defer func() {
		for _, t := range tails {
			t.close()
		}
	}()
	if err != nil {
		return fmt.Errorf("cannot read the log of %q: %w", pkg, err)
	}
	return do(tails, lines)
}

// logged gives the names of the services whose output is asked for.
func (s *Supervisor) logged(pkg, name string) ([]string, error) {
	var names []string
	for _, k := range s.named(pkg, nil) {
		names = append(names, k.name)
	}
	entries, err := os.ReadDir(filepath.Join(s.dirs.Logs(), pkg))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read the log of %q: %w", pkg, err)
	}
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".log"); ok {
			names = append(names, base)
		}
	}
	if name != "" && !slices.Contains(names, name) {
		return nil, fmt.Errorf("service %q has written nothing and is not known", service.ID(pkg, name))
	}
	if name != "" {
		return []string{name}, nil
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// readLogs gives all lines of the named services in the order of time, and the
// places behind them by name.
func (s *Supervisor) readLogs(pkg string, names []string) (map[string]*logTail, []api.LogLine, error) {
	tails := make(map[string]*logTail)
	var all []api.LogLine
	for _, name := range names {
		s.mu.Lock()
		log := s.logLocked(pkg, name)
		s.mu.Unlock()
		lines, t, err := log.tail()
		if err != nil {
			return tails, nil, err
		}
		tails[name] = t
		for _, line := range lines {
			all = append(all, line.wire(pkg, name))
		}
	}
	slices.SortStableFunc(all, func(a, b api.LogLine) int { return a.At.Compare(b.At) })
	return tails, all, nil
}

func (l logLine) wire(pkg, name string) api.LogLine {
	return api.LogLine{At: l.at, Package: pkg, Service: name, Line: l.text}
}

// followLogs gives f what comes, one line at a time, until ctx ends or f fails.
func followLogs(ctx context.Context, pkg string, tails map[string]*logTail, f func(api.LogLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // one call of f at a time
	var names []string
	for name := range tails {
		names = append(names, name)
	}
	return service.Each(names, func(name string) error {
		defer cancel() // the first to fail ends all
		return tails[name].follow(ctx, func(line logLine) error {
			mu.Lock()
			defer mu.Unlock()
			return f(line.wire(pkg, name))
		})
	})
}
