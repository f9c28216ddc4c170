package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

// follow tells a change's story until it is ready and gives it as it ended.
func (a *app) follow(ctx context.Context, id string) (api.Change, error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	f := &follower{app: a, id: id, story: a.newStory(), news: make(chan api.Change), ready: make(chan waited, 1)}
	wg.Go(func() { f.listen(ctx) })
	wg.Go(func() {
		chg, err := a.waitChange(ctx, id)
		f.ready <- waited{chg, err}
	})
	return f.loop(ctx)
}

// follower draws a change from two sources: events say that something is new,
// and the wait says that all is over.
type follower struct {
	app   *app
	id    string
	story *story
	news  chan api.Change
	ready chan waited
}

type waited struct {
	chg api.Change
	err error
}

func (f *follower) loop(ctx context.Context) (api.Change, error) {
	var chg api.Change
	tick, stop := f.ticks()
	defer stop()
	for {
		select {
		case chg = <-f.news:
			f.story.update(chg)
		case <-tick:
			f.story.update(chg)
		case w := <-f.ready:
			if w.err != nil {
				f.story.wipe()
				return api.Change{}, f.app.lostSight(ctx, f.id, w.err)
			}
			f.story.end(w.chg)
			return w.chg, nil
		}
	}
}

// ticks turn the spinner; where nothing is drawn there are none.
func (f *follower) ticks() (<-chan time.Time, func()) {
	if !f.story.live {
		return nil, func() {}
	}
	t := time.NewTicker(100 * time.Millisecond)
	return t.C, t.Stop
}

// listen sends the change anew whenever an event says that it moved. It takes
// the whole change once and then puts the events' tasks in. Losing the events
// loses no more than liveliness: the end comes by the wait.
func (f *follower) listen(ctx context.Context) {
	var chg api.Change
	fetch := func() {
		if c, err := f.app.client.Change(ctx, f.id); err == nil {
			chg = c
			f.send(ctx, chg)
		}
	}
	// An error is not worth a word: waitChange meets the same daemon and speaks.
	_ = f.app.client.Events(ctx, []string{"task"}, fetch, func(e api.Event) error {
		var t api.TaskEvent
		if e.Type != "task" || json.Unmarshal(e.Data, &t) != nil || t.Change != f.id {
			return nil
		}
		if !patchTask(&chg, t.Task) {
			fetch()
			return nil
		}
		f.send(ctx, chg)
		return nil
	})
}

// patchTask puts a task's new state into the change; false when the change has
// no such task yet.
func patchTask(chg *api.Change, t api.Task) bool {
	for i := range chg.Tasks {
		if chg.Tasks[i].ID == t.ID {
			tasks := append([]api.Task(nil), chg.Tasks...)
			tasks[i] = t
			chg.Tasks = tasks
			return true
		}
	}
	return false
}

func (f *follower) send(ctx context.Context, chg api.Change) {
	select {
	case f.news <- chg:
	case <-ctx.Done():
	}
}

// waitChange waits for a change to be ready, across a restart of the daemon: a
// change survives that, so the wait does too.
func (a *app) waitChange(ctx context.Context, id string) (api.Change, error) {
	for {
		chg, err := a.client.WaitChange(ctx, id)
		if err == nil || ctx.Err() != nil {
			return chg, err
		}
		var gone *client.Unreachable
		lost := errors.As(err, &gone) && gone.Lost
		if !lost && kind(err) != api.ErrStopping {
			return chg, err
		}
		if err := a.client.AwaitDaemon(ctx); err != nil {
			return chg, err
		}
	}
}

// lostSight says that the change goes on without us.
func (a *app) lostSight(ctx context.Context, id string, err error) error {
	next := fmt.Sprintf("watch it: %s · take it back: %s", a.pkgd("watch "+id), a.pkgd("abort "+id))
	if ctx.Err() != nil {
		return &failure{code: exitFailed, text: "interrupted: change " + id + " goes on", next: next}
	}
	var gone *client.Unreachable
	if errors.As(err, &gone) {
		return &failure{code: exitFailed, text: fmt.Sprintf("%v (change %s goes on when pkgd is back)", err, id), next: a.advice(err), err: err}
	}
	return cannot("watch change "+id, err)
}
