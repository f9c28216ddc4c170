package truth

import (
	"maps"

	"pkgd.io/pkgd/internal/api"
)

// copied is a model of which everything can be tried.
func (m model) copied() model {
	c := model{}
	for name, p := range m {
		one := p.clone()
		one.numbers, one.says, one.down = maps.Clone(p.numbers), maps.Clone(p.says), maps.Clone(p.down)
		c[name] = &one
	}
	return c
}

// several is one command for several packages: a lane each, or one for all.
func (m model) several(d deed) answer {
	deeds := d.parts()
	if held, falls := m.try(deeds); d.cut != "" && (!held || falls && d.together) {
		for i := range deeds { // how far the others come is left open: nobody is held up
			deeds[i].at, deeds[i].cut = "", ""
		}
	}
	tried := m.copied()
	var a answer
	begun, failed := 0, 0
	for _, one := range deeds {
		got := tried.outcome(one)
		if d.together && deeds[0].cut == "abort" && got.change && !got.held {
			*tried[one.pkg] = *m.copied()[one.pkg]
			one.at = verdictPoint
			got = tried.outcome(one)
			got.held = false
		}
		a.held = a.held || got.held
		if got.refusal != "" {
			return refuse(got.refusal)
		}
		a.parts = append(a.parts, part{one, got})
		a.change, a.look = a.change || got.change, true
		if got.change {
			begun++
		}
		if got.failed {
			failed++
		}
	}
	a.failed = failed > 0
	if a.failed && d.together && begun > 1 && deeds[0].cut != "abort" {
		m.allBack(&a, tried, failed)
		return a
	}
	for name, p := range tried {
		*m[name] = *p
	}
	return a
}

// parts is what the deed does to each package.
func (d deed) parts() []deed {
	list := append([]deed{d}, d.with...)
	list[0].with = nil
	for i := range list {
		list[i].cut, list[i].times, list[i].together = d.cut, d.times, d.together
	}
	return list
}

// try tells whether one of the deeds comes to where it is held up, and whether
// one fails by itself.
func (m model) try(deeds []deed) (held, falls bool) {
	tried := m.copied()
	for _, one := range deeds {
		one.cut = ""
		a := tried.outcome(one)
		held, falls = held || a.held, falls || a.failed
	}
	return held, falls
}

// allBack is a transaction that failed. Its lanes work side by side: of several
// that fail one is the first, and how far the others have come is left open.
func (m model) allBack(a *answer, tried model, failed int) {
	a.loose = map[string]fate{}
	for _, one := range a.parts {
		if !one.change {
			continue
		}
		back := *m.copied()[one.pkg]
		back.says, back.down = tried[one.pkg].says, tried[one.pkg].down
		f := fate{others: &back}
		if one.failed {
			f.own = tried[one.pkg]
		}
		if one.failed && failed == 1 {
			*m[one.pkg] = *f.own
			continue
		}
		a.loose[one.pkg] = f
	}
}

// look is what happens when pkgd looks into the store: by itself, or because it
// is asked to refresh what there is.
func (m model) look(d deed) answer {
	a := answer{look: true}
	for _, name := range []string{"db", "hub", "web"} {
		p := m[name]
		if d.do == "auto" && p.current != 0 {
			p.start() // pkgd is started for it
		}
		if p.current == 0 || p.held || p.offered <= p.contentOf(p.current) {
			continue
		}
		one := deed{do: "refresh", pkg: name, v: p.offered, say: p.says[p.offered], down: p.down[p.offered]}
		got := p.refresh(one)
		if got.refusal == api.ErrRefused || !got.change {
			continue
		}
		a.parts = append(a.parts, part{one, got})
		a.change, a.failed = a.change || d.do == "look", a.failed || got.failed
	}
	return a
}
