package public

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets the page load nothing but itself, and run nothing but its own
// script.
var pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; " +
	"style-src " + hash(pageStyle) + "; script-src " + hash(pageScript)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// pageView is what the template shows.
type pageView struct {
	Style    template.CSS
	Script   template.JS
	Level    string
	Line     string // "3 packages: 2 active, 1 error"
	Oldest   *when
	Named    bool // rows may be shown
	Packages []row
	Days     int
	At       when
}

// row is a package's line.
type row struct {
	Name, Status, Words string
	Version             string
	Since               *when
	Spans               []span
	Axis                string // what the bar says, for who cannot see it
	Past                []pastLine
	Why                 *whyLine
	Silent              bool // has no hook
}

// pastLine is one transition in words.
type pastLine struct {
	At        when
	From, To  string
	Why       string
	Revision  int
	FromShown bool
}

// whyLine is the last change in words.
type whyLine struct {
	At                 when
	Kind, Outcome      string
	From, To           string
	Because, Restored  string
	Reverted, Attended bool
}

// when is a time as people and as programs read it.
type when struct{ ISO, Ago string }

func newWhen(at, now time.Time) when {
	return when{ISO: at.UTC().Format(time.RFC3339), Ago: ago(now.Sub(at))}
}

func optional(at *time.Time, now time.Time) *when {
	if at == nil {
		return nil
	}
	w := newWhen(*at, now)
	return &w
}

// ago is a length of time in one unit.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// page is the status page, as far as the caller may know.
func (s *Server) page(_ *http.Request, rules *rules) answer {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, s.view(rules.expose, time.Now())); err != nil {
		s.o.Log.Error("cannot show the status page", "err", err)
		return plain(http.StatusInternalServerError, "internal error: cannot show the page")
	}
	return answer{status: http.StatusOK, kind: htmlKind, body: b.Bytes(), header: http.Header{
		"Cache-Control":           noStore,
		"Content-Security-Policy": {pagePolicy},
		"Referrer-Policy":         {"no-referrer"},
		"Vary":                    {"Accept"},
	}}
}

func (s *Server) view(expose exposure, now time.Time) pageView {
	snap := s.o.Health.Snapshot()
	v := pageView{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Level: snap.Health.Level, Line: Line(snap.Health)[len(snap.Health.Level)+len(" - "):],
		Oldest: optional(newSummary(snap).OldestCheck, now), Named: expose >= names,
		Days: barDays, At: newWhen(now, now),
	}
	if expose < names {
		return v
	}
	for _, rec := range snap.Health.Packages {
		v.Packages = append(v.Packages, newRow(rec, snap.Counts(rec.Package), s.chron.of(rec.Package), expose, now))
	}
	return v
}

func newRow(rec api.Record, counted bool, ch chapter, expose exposure, now time.Time) row {
	r := row{
		Name: rec.Package, Status: rec.Status, Version: rec.Version, Silent: !counted,
		Since: optional(rec.Since, now), Axis: "has no check",
	}
	if counted {
		r.Spans, r.Axis = spans(rec, ch.transitions, expose, now), axis(rec, ch.transitions, now)
	}
	if expose == full {
		r.Words = words(rec.Code, rec.Message)
		r.Why = newWhy(ch.why, now)
	}
	for _, t := range ch.transitions[:min(len(ch.transitions), maxPast)] {
		line := pastLine{At: newWhen(t.At, now), From: t.From, To: t.To, Revision: t.Revision, FromShown: t.From != ""}
		if expose == full {
			line.Why = words(t.Code, t.Message)
		}
		r.Past = append(r.Past, line)
	}
	return r
}

// maxPast is how many transitions are told in words.
const maxPast = 20

func words(code, message string) string {
	if code == "" || message == "" {
		return code + message
	}
	return code + ": " + message
}

func newWhy(why *api.Why, now time.Time) *whyLine {
	if why == nil {
		return nil
	}
	w := &whyLine{
		At: newWhen(why.At, now), Kind: why.Kind, Outcome: why.Outcome, From: why.FromVersion, To: why.ToVersion,
		Reverted: why.Outcome == api.OutcomeReverted || why.Outcome == api.OutcomeRevertFailed, Attended: why.WantsPerson,
		Because: why.Error,
	}
	if why.After != nil && why.After.Status != string(healthstate.Active) {
		w.Because = words(why.After.Code, why.After.Message)
	}
	if why.DataRestored {
		w.Restored = "with its data and configuration"
	}
	return w
}
