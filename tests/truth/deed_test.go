package truth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// deed is one thing that happens.
type deed struct {
	do  string // install, refresh, revert, remove, purge, hold, unhold, accept, set, unset, check, turn, write, stop, start, restore, drop, app, retain, restart, kill, offer, look, auto
	pkg string // web, db or hub; empty: all
	v   int    // content that is installed or refreshed to

	say   string   // what the content's hook says from then on (turn: that of what runs); empty: active
	first []string // what it says before that, after the switch
	call  string   // what the service calls ctl for, by the names in apps
	back  string   // what the old content says from when it is back; empty: what it said
	down  bool     // the content's service does not come up
	flap  bool     // the content's service ends, and is started again, while it bakes

	fails string // hook that fails
	at    string // point at which the change is held up; empty: nowhere
	cut   string // what then happens: abort, kill, stop, conflict, check, app
	times int    // how often: kill and stop

	noRevert, retry bool
	n               int // written or set; retained; which of the data set aside; hold: 0 is until unhold, 1 for an hour, 2 for a moment
	to              int // revision that is gone back to; 0: the one before

	with     []deed // what the same command does to other packages
	together bool   // in one transaction
}

// verdictPoint is where a package of a transaction waits for the others: its
// verdict is in, and can still be undone.
const verdictPoint = "verdict"

// Points at which a change can be held up, by what is done.
var points = map[string][]string{
	"install": {"install", "configure", "check-healthafter"},
	"refresh": {"check-healthbefore", "pre-refresh", "post-refresh", "check-healthafter"},
	"revert":  {"check-healthbefore", "check-healthafter"},
	"remove":  {"remove"},
	"purge":   {"remove"},
	"set":     {"configure"},
	"unset":   {"configure"},
}

func (d deed) String() string {
	text := []string{fmt.Sprintf("do: %q", d.do)}
	add := func(there bool, format string, args ...any) {
		if there {
			text = append(text, fmt.Sprintf(format, args...))
		}
	}
	add(d.pkg != "", "pkg: %q", d.pkg)
	add(d.v != 0, "v: %d", d.v)
	add(d.say != "", "say: %q", d.say)
	add(len(d.first) > 0, "first: %#v", d.first)
	add(d.call != "", "call: %q", d.call)
	add(d.back != "", "back: %q", d.back)
	add(d.down, "down: true")
	add(d.fails != "", "fails: %q", d.fails)
	add(d.at != "", "at: %q", d.at)
	add(d.cut != "", "cut: %q", d.cut)
	add(d.times != 0, "times: %d", d.times)
	add(d.noRevert, "noRevert: true")
	add(d.retry, "retry: true")
	add(d.n != 0, "n: %d", d.n)
	add(d.to != 0, "to: %d", d.to)
	add(d.flap, "flap: true")
	add(d.together, "together: true")
	var others []string
	for _, other := range d.with {
		others = append(others, other.String())
	}
	add(len(others) > 0, "with: []deed{%s}", strings.Join(others, ", "))
	return "{" + strings.Join(text, ", ") + "}"
}

// answer is what the model says of a deed besides the state it leads to.
type answer struct {
	refusal api.ErrorKind // it is refused; empty: it is not
	or      api.ErrorKind // or so: the design leaves it open
	aside   aside         // that is restored or dropped
	exit    int           // of the ctl that a service calls; -1: none does
	change  bool          // a change begins
	held    bool          // the change comes to the point at which the deed holds it up
	up      bool          // and the service runs there
	window  bool          // and that is between switch and verdict
	failed  bool          // the change fails
	look    bool          // services changed at rest: what is known shows at the next check only

	target int    // content that runs after the switch
	old    int    // content that runs before it
	say    string // what target says from then on
	back   string // what old says when it is back
	flaps  bool   // target's service ends while it bakes

	parts []part          // what happens to each package, where there are several
	loose map[string]fate // of packages of which it is left open whose failure took them back
}

// part is a deed that happens in the same command as others.
type part struct {
	deed
	answer
}

// fate is how a package may be after a transaction that failed.
type fate struct {
	own, others *pack // by its own failure (nil: it had none), for another's sake
}

func refuse(kind api.ErrorKind) answer { return answer{refusal: kind} }

// model is what is promised of all packages.
type model map[string]*pack

func newModel() model {
	hub := newPack()
	hub.shared = true
	return model{"web": newPack(), "db": newPack(), "hub": hub}
}

// step has the deed happen.
func (m model) step(d deed) answer {
	a := m.outcome(d)
	if a.held && d.cut == "conflict" && len(a.parts) == 0 && m[d.pkg].current != 0 {
		m[d.pkg].hold(deed{do: "hold"}) // the conflicting commands end with a hold, which conflicts with nothing
	}
	if a.held && (d.cut == "check" || d.at == "configure" && d.times > 1) {
		a.look = true // it was checked meanwhile, or even after the change
	}
	return a
}

func (m model) outcome(d deed) answer {
	if d.do == "restart" || d.do == "kill" {
		for _, p := range m {
			if p.current != 0 {
				p.start()
			}
		}
		return answer{look: true}
	}
	switch {
	case d.do == "look" || d.do == "auto":
		return m.look(d)
	case len(d.with) > 0:
		return m.several(d)
	}
	if d.do == "retain" {
		for _, p := range m {
			p.retain, p.room = d.n, max(p.room, d.n)
		}
		return answer{}
	}
	p := m[d.pkg]
	if d.do == "offer" {
		p.offered = max(p.offered, d.v)
		return answer{}
	}
	if p.current == 0 && d.do != "install" && (d.do != "purge" || p.left == 0) {
		return refuse(api.ErrNotInstalled)
	}
	switch d.do {
	case "install":
		return p.install(d)
	case "refresh":
		return p.refresh(d)
	case "revert":
		return p.revert(d)
	case "remove", "purge":
		return p.remove(d)
	case "set", "unset":
		return p.configure(d)
	case "hold", "unhold":
		p.hold(d)
	case "restore", "drop":
		return p.takeOut(d)
	case "app":
		return answer{exit: p.ctl(d.call)}
	case "accept":
		p.asks, p.why.asks = false, false
	case "turn":
		v := p.contentOf(p.current)
		p.says[v], p.down[v] = d.say, d.down && !contents[v].again
		return answer{look: true}
	case "write":
		p.write("w" + strconv.Itoa(d.n))
	case "check":
		return answer{look: true}
	case "stop", "start":
		return p.command(d)
	}
	return answer{}
}

func (p *pack) command(d deed) answer {
	if !p.runs().service {
		return refuse(api.ErrNotFound)
	}
	p.stopped = d.do == "stop"
	if d.do == "stop" {
		p.up = false
	} else if !p.up {
		p.start()
	}
	return answer{change: true, failed: d.do == "start" && p.wanted() && !p.up, look: true}
}

func (p *pack) configure(d deed) answer {
	a := answer{change: true, held: d.at == "configure"}
	if a.held && d.cut == "app" {
		a.up = p.ctl("error") == 0
	}
	if a.failed = d.fails == "configure" || a.held && d.cut == "abort"; !a.failed {
		if d.do == "set" {
			p.set("n", strconv.Itoa(d.n))
		} else {
			p.unset("n")
		}
	}
	return a
}

func (p *pack) remove(d deed) answer {
	a := answer{change: true, held: d.at == "remove" && p.current != 0 || d.at == verdictPoint}
	p.why = &story{kind: "remove", from: p.current, outcome: api.OutcomeDone}
	if a.held && d.cut == "abort" {
		p.why.outcome, p.why.rule = api.OutcomeFailed, "abort"
		p.app = false
		if p.current != 0 {
			p.start()
		}
		a.failed, a.look = true, true
		return a
	}
	if p.current != 0 {
		p.left = p.current
	}
	p.current, p.before, p.up = 0, nil, false
	if !p.shared {
		p.data = map[int][]string{p.left: p.data[p.left]}
	}
	p.held, p.asks, p.stopped, p.app = false, false, false, false
	if d.do == "purge" {
		p.left, p.data, p.asides, p.config = 0, map[int][]string{}, nil, map[int]map[string]string{}
	}
	return a
}

func (p *pack) install(d deed) answer {
	if p.current != 0 {
		return refuse(api.ErrAlreadyInstalled)
	}
	p.says[d.v], p.down[d.v] = d.say, d.down
	to := p.number(d.v)
	was := p.clone()
	a := answer{change: true, target: d.v, say: p.sayOf(d.v)}
	p.why = &story{kind: "install", to: to, rule: "first-install", outcome: api.OutcomeDone}
	p.take(to, p.left)
	for _, hook := range []string{"install", "configure"} {
		if p.ends(&a, d, hook, hook) {
			return p.undo(a, d, was)
		}
		if hook == "install" {
			p.write("i" + strconv.Itoa(d.v))
			p.set("installed", strconv.Itoa(d.v))
		}
	}
	p.start()
	if p.runs().hook && p.ends(&a, d, "", "check-healthafter") {
		return p.undo(a, d, was)
	}
	after := p.judge(d.first, p.runs().bake)
	p.why.after = &after
	p.hear(after)
	delete(p.refused, to)
	if p.ends(&a, d, "", verdictPoint) {
		return p.undo(a, d, was)
	}
	p.left = 0
	return a
}

// ends tells whether the change ends at a hook or point, because the hook fails
// or somebody aborts.
func (p *pack) ends(a *answer, d deed, hook, point string) bool {
	if d.at == point {
		a.held = true
		if d.cut == "app" {
			a.up = p.ctl("error") == 0
		}
		if d.cut == "abort" {
			p.why.rule = "abort"
			return true
		}
	}
	if hook != "" && d.fails == hook {
		p.why.rule = ""
		return true
	}
	return false
}

// undo puts back what was before the change.
func (p *pack) undo(a answer, d deed, was pack) answer {
	p.why.outcome = api.OutcomeFailed
	switched := p.current != was.current
	if switched && p.why.kind == "refresh" { // an install deletes what it has made
		was.asides = append(slices.Clone(was.asides), p.wrote(p.current)...)
	}
	why, refused, shared := p.why, p.refused, p.data
	*p = was
	p.why, p.refused = why, refused
	a.failed = true
	if was.current == 0 && was.left == 0 || !p.shared {
		shared = was.data
	}
	p.data = shared
	if switched && p.current != 0 {
		p.why.restored = p.why.kind == "refresh" && !p.shared // else each had its own data all the time
		p.app = false
		p.goBack(d)
	}
	return a
}

// goBack is the old revision taking up its service again.
func (p *pack) goBack(d deed) {
	if v := p.contentOf(p.current); d.back != "" && contents[v].hook {
		p.says[v] = d.back
	}
	p.start()
	p.hear(p.judge(nil, false))
}
