package statuspage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Limits of a stream.
const (
	streamLife  = 15 * time.Minute // then the browser asks anew, by the rules of then
	streamBeat  = 15 * time.Second // a comment, to find out who has gone
	streamPause = 250 * time.Millisecond
	writeLimit  = 5 * time.Second // who does not read for so long is dropped
)

// news is what a stream sends: no more than the least that a caller may learn.
// The browser fetches the page for the rest.
type news struct {
	Level  string         `json:"level"`
	Counts map[string]int `json:"counts"`
}

// events sends server-sent events of the type "health": at once, and whenever
// the page has changed. What changes while a slow reader reads becomes one event.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		reply(w, r, "text/event-stream", nil)
		return
	}
	party := partyOf(r.RemoteAddr)
	if many := p.watchers.enter(party, p.o.Streams); many != "" {
		w.Header().Set("Retry-After", "60")
		http.Error(w, many, http.StatusServiceUnavailable)
		return
	}
	defer p.watchers.leave(party)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep the events to itself
	s := &stream{w: w, rc: http.NewResponseController(w)}
	p.follow(s, r)
	_ = s.rc.SetWriteDeadline(time.Time{})
}

// follow sends to s until the caller goes, is too slow, or has had its time.
func (p *Page) follow(s *stream, r *http.Request) {
	life := time.NewTimer(streamLife)
	defer life.Stop()
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	if s.write("retry: 3000\n\n") != nil {
		return
	}
	for {
		rung := p.bell.next() // before looking, so that nothing is missed
		if p.tell(s) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-life.C:
			return
		case <-beat.C:
			if s.write(":\n\n") != nil {
				return
			}
		case <-rung:
			if !pause(r.Context().Done()) {
				return
			}
		}
	}
}

// pause lets what comes together be told together.
func pause(done <-chan struct{}) bool {
	t := time.NewTimer(streamPause)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-t.C:
		return true
	}
}

// tell sends an event when the page is another than the one last told of.
func (p *Page) tell(s *stream) error {
	snap := p.o.Health.Snapshot()
	edition := snap.ETag + "/" + strconv.FormatUint(p.chronicles.Load().edition, 10)
	if edition == s.told {
		return nil
	}
	data, err := json.Marshal(news{snap.Health.Level, snap.Health.Counts})
	if err != nil {
		return err
	}
	s.told = edition
	return s.write(fmt.Sprintf("event: health\ndata: %s\n\n", data))
}

// stream is one browser that watches.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	told string
}

// write fails when the caller does not take it in time.
func (s *stream) write(text string) error {
	// Where deadlines cannot be set, as behind a test's recorder, there are none.
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}
