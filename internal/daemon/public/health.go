package public

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// maxAge is how long an answer that all is well may be kept. (A proxy that kept
// one for 30 s was seen to hide a failure.)
var maxAge = []string{"max-age=5"}

// body is /health in the form of application/health+json.
type body struct {
	Status  string             `json:"status"` // pass, warn or fail
	Release string             `json:"releaseId,omitempty"`
	Summary summary            `json:"summary"`
	Checks  map[string][]check `json:"checks,omitempty"`
}

type summary struct {
	Level       string         `json:"level"`
	Packages    int            `json:"packages"` // that count
	Counts      map[string]int `json:"counts"`
	Stale       int            `json:"stale"`
	OldestCheck *time.Time     `json:"oldest-check"`
}

type check struct {
	Component string     `json:"componentType,omitempty"`
	Value     any        `json:"observedValue,omitempty"`
	Unit      string     `json:"observedUnit,omitempty"`
	Status    string     `json:"status"`
	Time      *time.Time `json:"time,omitempty"`
	Output    string     `json:"output,omitempty"`
	Code      string     `json:"code,omitempty"`
	Revision  int        `json:"revision,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	QoS       *float64   `json:"qos,omitempty"`
}

// moment is one snapshot with the answers that are made of it, but for the HTTP
// status: each when somebody first asks for it, since snapshots change with every
// run of a hook, and most forms nobody ever asks for.
type moment struct {
	snap    *healthstate.Snapshot
	version string
	status  string // pass, warn or fail
	answers [full + 1][len(forms)]cell
	wires   [full + 1]wire // of the form that is given to who does not choose
}

// cell is an answer that one makes and the others wait for.
type cell struct {
	once sync.Once
	made answer
}

// forms are what /health can be given in; the first is for who does not choose.
var forms = [...]string{healthKind, jsonKind, textKind, htmlKind}

// moments keeps the newest.
type moments struct{ newest atomic.Pointer[moment] }

func (ms *moments) of(snap *healthstate.Snapshot, version string) *moment {
	old := ms.newest.Load()
	if old != nil && old.snap == snap {
		return old
	}
	m := &moment{snap: snap, version: version, status: statusOf(snap.Health.Level)}
	if !ms.newest.CompareAndSwap(old, m) {
		if now := ms.newest.Load(); now.snap == snap {
			return now // so that all who ask at once ask the same
		}
	}
	return m
}

func (m *moment) newAnswer(expose exposure, form int) answer {
	a := answer{kind: forms[form]}
	switch a.kind {
	case textKind:
		a.body = []byte(textBody(m.snap, expose))
	case htmlKind:
		a.body = []byte("<!doctype html>\n<title>" + m.snap.Health.Level + "</title>\n<pre>" + html.EscapeString(textBody(m.snap, expose)) + "</pre>\n")
	default:
		a.body = encode(newBody(m.snap, expose, m.version))
	}
	a.length = lengthOf(a.body)
	a.header = m.headers(fmt.Sprintf(`W/"%s-%d%d"`, strings.Trim(m.snap.ETag, `"`), expose, form))
	return a
}

func (m *moment) headers(etag string) http.Header {
	h := http.Header{
		"Etag":          {etag},
		"Last-Modified": {m.snap.At.UTC().Format(http.TimeFormat)},
		"Vary":          {"Accept"},
		"Cache-Control": noStore,
	}
	if m.status == "pass" {
		h["Cache-Control"] = maxAge
	}
	return h
}

// answer is the one for a caller of a place. Last-Modified is when a check last
// ran: who goes by it (check_http -M) wants to know that somebody is still
// looking. Without packages there is nothing to look at, and now is as good as
// any time.
func (m *moment) answer(expose exposure, kind string) answer {
	form := slices.Index(forms[:], kind)
	c := &m.answers[expose][form]
	c.once.Do(func() { c.made = m.newAnswer(expose, form) })
	a := c.made
	if m.snap.Health.Level == healthstate.LevelUnknown {
		a.header = a.header.Clone()
		a.header.Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	}
	return a
}

func statusOf(level string) string {
	switch level {
	case healthstate.LevelFault:
		return "fail"
	case healthstate.LevelDegraded:
		return "warn"
	}
	return "pass"
}

func newBody(snap *healthstate.Snapshot, expose exposure, version string) body {
	b := body{Status: statusOf(snap.Health.Level), Summary: newSummary(snap)}
	if expose < names {
		return b
	}
	b.Release, b.Checks = version, map[string][]check{}
	for _, rec := range snap.Health.Packages {
		if snap.Counts(rec.Package) {
			addChecks(b.Checks, rec, expose)
		}
	}
	return b
}

func newSummary(snap *healthstate.Snapshot) summary {
	s := summary{Level: snap.Health.Level, Counts: snap.Health.Counts}
	for _, rec := range snap.Health.Packages {
		if !snap.Counts(rec.Package) {
			continue
		}
		s.Packages++
		if rec.Stale {
			s.Stale++
		}
		if rec.CheckedAt != nil && (s.OldestCheck == nil || rec.CheckedAt.Before(*s.OldestCheck)) {
			s.OldestCheck = rec.CheckedAt
		}
	}
	return s
}

func addChecks(to map[string][]check, rec api.Record, expose exposure) {
	one := check{
		Component: "component", Value: rec.Status, Status: recordStatus(rec),
		Time: rec.CheckedAt, Revision: rec.Revision, Since: rec.Since, QoS: rec.QoS,
	}
	if expose == full {
		one.Code, one.Output = rec.Code, rec.Message
		for _, c := range rec.Checks {
			to[rec.Package+":"+c.Name] = []check{partCheck(c)}
		}
	}
	to[rec.Package] = []check{one}
}

func partCheck(c api.Check) check {
	return check{Status: map[string]string{"passed": "pass"}[c.Health] + map[string]string{"warn": "warn", "fail": "fail"}[c.Health], Output: c.Message, QoS: c.QoS}
}

// recordStatus is what one package alone would make the host's.
func recordStatus(rec api.Record) string {
	return statusOf(healthstate.Of([]api.Record{rec}).Level)
}

// textBody is what `pkgd health` begins with, and a line a package.
func textBody(snap *healthstate.Snapshot, expose exposure) string {
	var b strings.Builder
	b.WriteString(Line(snap.Health) + "\n")
	for _, rec := range snap.Health.Packages {
		if expose < names || !snap.Counts(rec.Package) {
			continue
		}
		fmt.Fprintf(&b, "%s %s", rec.Package, rec.Status)
		if expose == full && rec.Code+rec.Message != "" {
			fmt.Fprintf(&b, " %s", strings.TrimPrefix(rec.Code+": "+rec.Message, ": "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Line is a host's health in one line: "FAULT - 3 packages: 2 active, 1 error".
func Line(h api.Health) string {
	n := 0
	var parts []string
	for _, status := range healthstate.Statuses() {
		if c := h.Counts[string(status)]; c > 0 {
			n += c
			parts = append(parts, fmt.Sprintf("%d %s", c, status))
		}
	}
	switch n {
	case 0:
		return h.Level + " - no packages"
	case 1:
		return h.Level + " - 1 package: " + parts[0]
	}
	return fmt.Sprintf("%s - %d packages: %s", h.Level, n, strings.Join(parts, ", "))
}

// moment is what /health tells of now.
func (s *Server) moment() *moment { return s.moments.of(s.o.Health.Snapshot(), s.o.Version) }

// health is the packages', as one status.
func (s *Server) health(r *http.Request, rules *rules) answer {
	m := s.moment()
	status, why := httpStatus(m.status, r.URL.RawQuery)
	if why != "" {
		return plain(status, why)
	}
	a := m.answer(rules.expose, preferred(r.Header.Get("Accept"), forms[:]...))
	a.status = status
	if status == http.StatusOK && m.known(r.Header, a.header) {
		a.status, a.body = http.StatusNotModified, nil
	}
	return a
}

// known says that the caller has the answer. By its time, which knows only whole
// seconds, he has it for certain only where what he could have instead is as good
// an answer: where all is well.
func (m *moment) known(asked, answer http.Header) bool {
	if tags := asked.Get("If-None-Match"); tags != "" {
		return matches(tags, answer["Etag"][0])
	}
	since, err := http.ParseTime(asked.Get("If-Modified-Since"))
	at, _ := http.ParseTime(answer["Last-Modified"][0])
	return err == nil && m.status == "pass" && !at.After(since)
}

// httpStatus goes with pass, warn or fail; what goes with warn the caller may
// choose.
func httpStatus(status, query string) (code int, why string) {
	warn := http.StatusOK
	asked := ""
	if query != "" {
		asked = (&url.URL{RawQuery: query}).Query().Get("warn")
	}
	switch asked {
	case "", "200":
	case "429":
		warn = http.StatusTooManyRequests
	case "503":
		warn = http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest, fmt.Sprintf("parameter \"warn\": %q is none of 200, 429, 503", asked)
	}
	switch status {
	case "pass":
		return http.StatusOK, ""
	case "warn":
		return warn, ""
	}
	return http.StatusServiceUnavailable, ""
}

// matches compares as If-None-Match wants it, weakly.
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
