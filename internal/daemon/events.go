package daemon

import (
	"encoding/json"
	"sync"

	"pkgd.io/pkgd/internal/api"
)

// backlog is how many events a listener may be behind before it is dropped.
const backlog = 256

// events hands what happens to everyone who listens. It never waits: a listener
// that does not keep up loses its place, and may come again.
type events struct {
	mu        sync.Mutex // guards listeners and the closing of their channels
	listeners map[chan api.Event]struct{}
}

// feed connects the rooms below and returns what disconnects them.
func (e *events) feed(p Packages, h Health) (cancel func()) {
	stopPackages := p.Subscribe(e.publish)
	stopHealth := h.Subscribe(func(t api.Transition, _ api.Record) { e.publish(healthEvent(t)) })
	return func() {
		stopPackages()
		stopHealth()
	}
}

func healthEvent(t api.Transition) api.Event {
	return api.Event{Type: "health", At: t.At, Data: marshal(t)}
}

func (e *events) publish(ev api.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.listeners {
		select {
		case c <- ev:
		default:
			delete(e.listeners, c)
			close(c)
		}
	}
}

// listen gives a channel of what happens from now on. It is closed when its
// reader is too slow.
func (e *events) listen() (c <-chan api.Event, leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ch := make(chan api.Event, backlog)
	if e.listeners == nil {
		e.listeners = map[chan api.Event]struct{}{}
	}
	e.listeners[ch] = struct{}{}
	return ch, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.listeners, ch)
	}
}

func (e *events) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.listeners)
}

// publicEvent takes from an event what hooks printed.
func publicEvent(ev api.Event) api.Event {
	switch ev.Type {
	case "task":
		var t api.TaskEvent
		if json.Unmarshal(ev.Data, &t) == nil {
			t.Task = withoutLog(t.Task)
			ev.Data = marshal(t)
		}
	case "change":
		var chg api.Change
		if json.Unmarshal(ev.Data, &chg) == nil {
			ev.Data = marshal(publicChange(chg))
		}
	}
	return ev
}
