package truth

import (
	"maps"
	"slices"
	"strconv"

	"pkgd.io/pkgd/internal/api"
)

func (p *pack) refresh(d deed) answer {
	from, to := p.current, p.numbers[d.v]
	_, refused := p.refused[to]
	switch {
	case to == from:
		return answer{}
	case refused && !d.retry:
		return refuse(api.ErrRefused)
	}
	p.says[d.v], p.down[d.v] = d.say, d.down
	to = p.number(d.v)
	old := p.contentOf(from)
	a := answer{change: true, target: d.v, say: p.sayOf(d.v), old: old, back: sayAs(old, d.back)}
	p.why = &story{kind: "refresh", from: from, to: to}
	if p.runs().hook && p.ends(&a, d, "", "check-healthbefore") {
		return p.undo(a, d, p.clone())
	}
	before := p.rest()
	p.why.before = &before
	p.hear(before)
	if p.ends(&a, d, "pre-refresh", "pre-refresh") {
		return p.undo(a, d, p.clone())
	}
	p.write("q" + strconv.Itoa(p.contentOf(from)))
	was := p.clone()
	p.take(to, from)
	p.start()
	p.flaps = d.flap && p.up
	a.flaps = p.flaps
	defer func() { p.flaps = false }()
	a.window = !a.held
	ended := p.ends(&a, d, "post-refresh", "post-refresh")
	if !ended {
		if d.at != "post-refresh" || !p.diesForIt(d, to) { // else the hook never came to its end
			p.write("p" + strconv.Itoa(d.v))
		}
		p.set("refreshed", strconv.Itoa(d.v))
		ended = p.runs().hook && p.ends(&a, d, "", "check-healthafter")
	}
	a.window = a.window && a.held
	deaths := 0
	if a.window && d.cut == "kill" {
		deaths = d.times
	}
	if ended {
		if p.why.rule != "abort" { // its own hook failed after the switch
			p.refuse(to, deaths)
		}
		return p.undo(a, d, was)
	}
	return p.verdict(a, d, was, deaths)
}

// diesForIt tells whether deaths in the window take the refresh back.
func (p *pack) diesForIt(d deed, to int) bool {
	loops := d.cut == "kill" && d.times >= 3
	return loops && decide(p.why.before.status, "error", d.noRevert, true, contents[p.contentOf(to)]).outcome == api.OutcomeReverted
}

func (p *pack) refuse(rev, deaths int) {
	p.refused = maps.Clone(p.refused)
	p.refused[rev] = false
	p.why.refused, p.why.twice = true, deaths > 0
}

func (p *pack) verdict(a answer, d deed, was pack, deaths int) answer {
	from, to := was.current, p.current
	after := p.judge(d.first, p.runs().bake)
	if deaths >= 3 {
		after = crashLoop
	}
	s := decide(p.why.before.status, after.status, d.noRevert, deaths >= 3, p.runs())
	p.why.rule, p.why.outcome, p.why.asks, p.why.after = s.rule, s.outcome, s.asks, &after
	if s.outcome == api.OutcomeReverted {
		before := *p.why.before
		p.refuse(to, deaths)
		a = p.undo(a, d, was)
		p.why.outcome, p.why.restored = api.OutcomeReverted, !p.shared
		if unwell(before, p.judge(nil, false)) {
			p.why.outcome = api.OutcomeRevertFailed
		}
		return a
	}
	delete(p.refused, to)
	if p.ends(&a, d, "", verdictPoint) {
		return p.undo(a, d, was)
	}
	p.hear(after)
	a.look = deaths >= 3 // nobody has asked it yet: that happens at once
	if p.flaps && p.up {
		a.look = true
	}
	p.asks = s.asks
	p.before = append(slices.DeleteFunc(slices.Clone(p.before), func(n int) bool { return n == to }), from)
	drop := max(0, len(p.before)-(p.retain-1))
	for _, n := range p.before[:drop] {
		delete(p.data, n)
	}
	p.before, p.room = p.before[drop:], p.retain
	return a
}

func (p *pack) revert(d deed) answer {
	from := p.current
	to, refusal := p.backTo(d.to)
	if to == 0 {
		return refusal
	}
	a := answer{change: true, target: p.contentOf(to)}
	p.why = &story{kind: "revert", from: from, to: to, rule: "by-hand", outcome: api.OutcomeDone}
	if p.runs().hook && p.ends(&a, d, "", "check-healthbefore") {
		return p.undo(a, d, p.clone())
	}
	before := p.rest()
	p.why.before = &before
	p.hear(before)
	was := p.clone()
	p.current, p.asks, p.app = to, false, false
	p.start()
	if p.runs().hook && p.ends(&a, d, "", "check-healthafter") {
		return p.undo(a, d, was)
	}
	after := p.judge(d.first, p.runs().bake)
	p.why.after, p.why.restored = &after, !p.shared
	p.hear(after)
	if unwell(before, after) {
		p.why.outcome = api.OutcomeRevertFailed
	}
	p.refused[from] = true
	p.before = slices.DeleteFunc(slices.Clone(p.before), func(n int) bool { return n == from || n == to })
	p.setAside(from, to)
	return a
}

// backTo is the revision that a revert goes to, 0 where it is refused. The
// design does not say whether content that is refused stays on the disk.
func (p *pack) backTo(named int) (to int, a answer) {
	for _, n := range p.before {
		if _, refused := p.refused[n]; !refused && (named == 0 || named == n) {
			to = n
		}
	}
	if _, refused := p.refused[named]; refused && named != p.current {
		return 0, answer{refusal: api.ErrRefused, or: api.ErrNoRevision}
	}
	return to, refuse(api.ErrNoRevision)
}
