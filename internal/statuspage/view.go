package statuspage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// view is all that the template draws. It holds nothing that its caller may not
// learn.
type view struct {
	Level    string // OK, DEGRADED, FAULT or UNKNOWN
	Headline string
	Counts   []count
	Checked  *moment // the oldest last run of a package that counts
	Now      moment
	Zone     string
	Host     string
	Version  string
	Named    bool // packages are named
	Full     bool // and all is told
	Rows     []row
	Legend   []legend
	Script   string // the script's path, and so on
	Style    string
	Icon     string
}

type count struct {
	Status string
	N      int
}

type legend struct{ Status, Text string }

// moment is a point in time for people and for machines.
type moment struct {
	at  time.Time
	now time.Time
}

// ISO is the moment for machines.
func (m moment) ISO() string { return m.at.UTC().Format(time.RFC3339) }

// Ago is how long ago that was.
func (m moment) Ago() string { return human.Span(m.now.Sub(m.at)) }

// Stamp is the moment by the host's clock.
func (m moment) Stamp() string { return m.at.In(m.now.Location()).Format(stampFormat) }

// Clock is its time of day.
func (m moment) Clock() string { return m.at.In(m.now.Location()).Format("15:04:05") }

// row is one package.
type row struct {
	Name     string
	Version  string
	Status   string
	Silent   bool // it has no hook, and does not count
	Stale    bool
	Reason   string
	Blockers string
	Checks   []api.Check // those that did not pass
	Since    *moment
	Checked  *moment
	Bar      barView
	Change   *changeView
	Past     []pastView
	More     int // transitions that are not listed
}

// pastListed is how many transitions are listed below a package.
const pastListed = 10

type pastView struct {
	At       moment
	From, To string
	Reason   string
}

// draw makes the view of a moment for a caller.
func (p *Page) draw(snap *healthstate.Snapshot, chron *chronicles, x exposure) view {
	now := p.o.Now()
	v := view{
		Level: snap.Health.Level, Headline: headline(snap.Health.Level, snap.Health.Counts, len(snap.Health.Packages)),
		Counts: countsOf(snap.Health.Counts), Checked: oldestCheck(snap, now),
		Now: moment{now, now}, Zone: now.Format("MST"),
		Script: assetPath("script.js"), Style: assetPath("style.css"),
		Icon: assetPath(strings.ToLower(snap.Health.Level) + ".svg"),
	}
	if x >= names {
		v.Named, v.Host, v.Legend = true, p.o.Host, legends
		v.Rows = rows(snap, chron, x, now)
	}
	if x >= full {
		v.Full, v.Version = true, p.o.Version
	}
	return v
}

func countsOf(all map[string]int) (list []count) {
	for _, s := range slices.Backward(ranked) {
		if n := all[string(s)]; n > 0 {
			list = append(list, count{string(s), n})
		}
	}
	return list
}

func oldestCheck(snap *healthstate.Snapshot, now time.Time) *moment {
	var oldest *moment
	for _, rec := range snap.Health.Packages {
		if rec.CheckedAt == nil || !snap.Counts(rec.Package) {
			continue
		}
		if oldest == nil || rec.CheckedAt.Before(oldest.at) {
			oldest = &moment{*rec.CheckedAt, now}
		}
	}
	return oldest
}

// rows lists the packages, the worst first.
func rows(snap *healthstate.Snapshot, chron *chronicles, x exposure, now time.Time) []row {
	list := make([]row, len(snap.Health.Packages))
	for i, rec := range snap.Health.Packages {
		past := chron.of[rec.Package]
		if past == nil {
			past = &chronicle{}
		}
		list[i] = newRow(rec, past, x, now)
		list[i].Silent = !snap.Counts(rec.Package)
	}
	slices.SortStableFunc(list, func(a, b row) int {
		return cmp.Compare(b.urgency(), a.urgency())
	})
	return list
}

func (r row) urgency() int {
	if r.Silent {
		return 0
	}
	return rank(r.Status)
}

func newRow(rec api.Record, c *chronicle, x exposure, now time.Time) row {
	r := row{
		Name: rec.Package, Status: known(rec.Status), Stale: rec.Stale,
		Since: momentOf(rec.Since, now), Checked: momentOf(rec.CheckedAt, now),
		Bar: newBarView(newBar(c.past, rec, now), rec.Package, x, now),
	}
	for _, t := range c.past[:min(pastListed, len(c.past))] {
		line := pastView{At: moment{t.At, now}, From: known(t.From), To: known(t.To)}
		if x >= full {
			line.Reason = reason(t.Code, t.Message)
		}
		r.Past = append(r.Past, line)
	}
	r.More = len(c.past) - len(r.Past)
	if x >= full {
		r.tellAll(rec, c, now)
	}
	return r
}

// tellAll adds what only callers learn who may learn all.
func (r *row) tellAll(rec api.Record, c *chronicle, now time.Time) {
	r.Version = rec.Version
	r.Reason = reason(rec.Code, rec.Message)
	r.Blockers = strings.Join(rec.Blockers, ", ")
	r.Change = newChangeView(c.why, now)
	for _, check := range rec.Checks {
		if check.Health != "passed" {
			r.Checks = append(r.Checks, check)
		}
	}
}

// known is a status that the template has a sign for.
func known(status string) string {
	if rank(status) == 0 {
		return string(healthstate.Unknown)
	}
	return status
}

func momentOf(at *time.Time, now time.Time) *moment {
	if at == nil || at.IsZero() {
		return nil
	}
	return &moment{*at, now}
}

var legends = []legend{
	{string(healthstate.Active), "works"},
	{string(healthstate.Maintenance), "busy with itself"},
	{string(healthstate.Waiting), "needs what comes by itself"},
	{string(healthstate.Blocked), "needs a person"},
	{string(healthstate.Error), "broken"},
	{string(healthstate.Unknown), "not known"},
}
