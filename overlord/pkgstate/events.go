package pkgstate

import (
	"encoding/json"
	"sync"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// watchers are told of changes and tasks as their status changes.
type watchers struct {
	mu   sync.Mutex // guards all
	next int
	all  map[int]func(api.Event)
}

// Subscribe calls f for every change and task whose status changes, until
// cancel. f is called with the state locked: it must neither block nor call
// back.
func (m *Manager) Subscribe(f func(api.Event)) (cancel func()) {
	w := &m.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[int]func(api.Event){}
	}
	id := w.next
	w.next++
	w.all[id] = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, id)
	}
}

func (w *watchers) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all) == 0
}

func (m *Manager) publish(kind string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		m.log.Error("cannot tell of an event", "type", kind, "error", err)
		return
	}
	ev := api.Event{Type: kind, At: time.Now(), Data: raw}
	m.watchers.mu.Lock()
	defer m.watchers.mu.Unlock()
	for _, f := range m.watchers.all {
		f(ev)
	}
}

func (m *Manager) publishTask(t *state.Task) {
	if chg := t.Change(); chg != nil && !m.watchers.idle() {
		m.publish("task", api.TaskEvent{Change: chg.ID(), Task: taskRow(t)})
	}
}

func (m *Manager) publishChange(chg *state.Change, _, _ state.Status) {
	if !m.watchers.idle() {
		m.publish("change", m.changeRow(chg))
	}
}
