package systemd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// Signals may get lost with the bus: a job that is waited for is looked after
// this often, too.
const jobLook = time.Second

// jobs knows who waits for the end of which unit's jobs.
type jobs struct {
	mu      sync.Mutex // guards waiting
	waiting map[string]map[*waiter]struct{}
}

// waiter gets the ends of one unit's jobs. It listens before the job is asked
// for, since the job may end before its number is known.
type waiter struct {
	mu    sync.Mutex // guards ended
	ended map[dbus.ObjectPath]string
	wake  chan struct{}
}

func (j *jobs) listen(unit string) (w *waiter, stop func()) {
	w = &waiter{ended: make(map[dbus.ObjectPath]string), wake: make(chan struct{}, 1)}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.waiting == nil {
		j.waiting = make(map[string]map[*waiter]struct{})
	}
	if j.waiting[unit] == nil {
		j.waiting[unit] = make(map[*waiter]struct{})
	}
	j.waiting[unit][w] = struct{}{}
	return w, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.waiting[unit], w)
		if len(j.waiting[unit]) == 0 {
			delete(j.waiting, unit)
		}
	}
}

// removed takes the signal that a job has ended.
func (j *jobs) removed(s *dbus.Signal) {
	var id uint32
	var job dbus.ObjectPath
	var unit, result string
	if dbus.Store(s.Body, &id, &job, &unit, &result) != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for w := range j.waiting[unit] {
		w.end(job, result)
	}
}

func (w *waiter) end(job dbus.ObjectPath, result string) {
	w.mu.Lock()
	w.ended[job] = result
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *waiter) result(job dbus.ObjectPath) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	result, ended := w.ended[job]
	return result, ended
}

// unknownResult is how a job ended of which only that is known.
const unknownResult = "unknown"

// job has systemd do something to a unit and waits until it is done: "done",
// "failed", "timeout" and so on, or unknownResult. It takes no longer than
// bound.
func (m *Manager) job(ctx context.Context, bound time.Duration, method, unit string) (result string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("systemd has not done it in %v: see systemctl list-jobs", bound))
	defer cancel()
	w, stop := m.jobs.listen(unit)
	defer stop()
	var job dbus.ObjectPath
	err = m.bus.ask(ctx, func(l *link) error {
		if err := m.bus.watch(ctx, l, unit); err != nil {
			return err
		}
		return l.call(ctx, method, unit, "replace").Store(&job)
	})
	if err != nil {
		return "", err
	}
	return m.awaitJob(ctx, w, unit, job)
}

func (m *Manager) awaitJob(ctx context.Context, w *waiter, unit string, job dbus.ObjectPath) (string, error) {
	look := time.NewTicker(jobLook)
	defer look.Stop()
	for {
		if result, ended := w.result(job); ended {
			return result, nil
		}
		select {
		case <-w.wake:
		case <-look.C:
			if ended, err := m.jobEnded(ctx, unit, job); err != nil {
				return "", err
			} else if ended {
				return unknownResult, nil
			}
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// jobEnded looks at the unit itself, on another connection if need be. The error
// is that there is none.
func (m *Manager) jobEnded(ctx context.Context, unit string, job dbus.ObjectPath) (bool, error) {
	l, err := m.bus.await(ctx)
	if err != nil {
		return false, causeOf(ctx, err)
	}
	now, err := l.jobOf(ctx, unit)
	if err != nil {
		m.log.Warn("cannot see how far systemd is", "unit", unit, "error", err)
		return false, nil
	}
	return now != job, nil
}

// jobOf is the unit's job, or "/".
func (l *link) jobOf(ctx context.Context, unit string) (dbus.ObjectPath, error) {
	v, err := getProperty(ctx, l, unitPath(unit), unitIface, "Job")
	if err != nil {
		return "", err
	}
	var now struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	err = v.Store(&now)
	return now.Path, err
}
