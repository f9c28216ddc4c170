package service

import "sync"

// Events hands each published event to every subscriber, in order. Publishing
// never waits for a subscriber; one that is slow finds its events later. The
// zero value is ready.
type Events struct {
	mu     sync.Mutex // guards what follows
	subs   map[*subscriber]struct{}
	closed bool
}

type subscriber struct {
	mu    sync.Mutex // guards queue
	queue []Event
	wake  chan struct{} // one token: look at the queue
	quit  chan struct{}
	done  chan struct{}
}

// Publish queues ev for all subscribers.
func (e *Events) Publish(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.subs {
		s.put(ev)
	}
}

// Subscribe calls f for each event published from now on, until cancel or
// Close. After cancel has returned f is not called again.
func (e *Events) Subscribe(f func(Event)) (cancel func()) {
	s := &subscriber{wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return func() {}
	}
	if e.subs == nil {
		e.subs = make(map[*subscriber]struct{})
	}
	e.subs[s] = struct{}{}
	go s.loop(f)
	return func() { e.drop(s) }
}

// Close gives the subscribers what is queued and ends them.
func (e *Events) Close() {
	e.mu.Lock()
	e.closed = true
	subs := e.subs
	e.subs = nil
	e.mu.Unlock()
	for s := range subs {
		close(s.quit)
		<-s.done
	}
}

func (e *Events) drop(s *subscriber) {
	e.mu.Lock()
	_, mine := e.subs[s]
	delete(e.subs, s)
	e.mu.Unlock()
	if mine {
		s.take() // a cancelled subscriber hears no more
		close(s.quit)
	}
	<-s.done
}

func (s *subscriber) put(ev Event) {
	s.mu.Lock()
	s.queue = append(s.queue, ev)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscriber) take() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue := s.queue
	s.queue = nil
	return queue
}

func (s *subscriber) loop(f func(Event)) {
	defer close(s.done)
	for {
		select {
		case <-s.wake:
			s.deliver(f)
		case <-s.quit:
			s.deliver(f)
			return
		}
	}
}

func (s *subscriber) deliver(f func(Event)) {
	for _, ev := range s.take() {
		f(ev)
	}
}
