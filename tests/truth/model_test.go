package truth

import (
	"maps"
	"slices"
	"strconv"

	"pkgd.io/pkgd/internal/api"
)

// word is what one run of a package's hook comes to.
type word struct {
	status, code     string
	explicit, failed bool // the hook set the status itself; the hook failed
}

// words are what the packages' hooks can say, by the argument of say in lib.sh.
var words = map[string]word{
	"active":      {status: "active", explicit: true},
	"waiting":     {status: "waiting", code: "is-starting", explicit: true},
	"maintenance": {status: "maintenance", code: "is-migrating", explicit: true},
	"blocked":     {status: "blocked", code: "needs-key", explicit: true},
	"error":       {status: "error", code: "went-bad", explicit: true},
	"silent":      {status: "unknown", code: "pkgd-no-health-set"},
	"fail":        {status: "error", code: "pkgd-hook-failed", failed: true},
	"failwaiting": {status: "waiting", code: "is-starting", explicit: true, failed: true},
	"check":       {status: "error", code: "pkgd-check-failed"},
}

var (
	unknown     = word{status: "unknown"}
	active      = word{status: "active"}
	serviceDown = word{status: "error", code: "pkgd-service-down"}
	crashLoop   = word{status: "error", code: "pkgd-crash-loop"}
)

// content is what versions of a package can be like, by number.
type content struct {
	hook, service         bool
	long                  bool // settle outlasts every history; else it is 0
	bake                  bool // two runs have to be active; else one has
	keep, revertOnBlocked bool
	again                 bool // a service that ends is started again
}

var contents = map[int]content{
	1: {hook: true, service: true},
	2: {hook: true, service: true, bake: true},
	3: {hook: true, service: true, long: true},
	4: {hook: true, service: true, keep: true},
	5: {hook: true, revertOnBlocked: true},
	6: {service: true},
	7: {},
	8: {hook: true, service: true, bake: true, again: true},
}

// retain is how many revisions are kept at first.
const retain = 3

// pack is what the model knows of one package.
type pack struct {
	current, last, left int // revisions; left is that whose data remove left behind
	numbers             map[int]int
	before              []int        // that were current and can be gone back to, oldest first
	refused             map[int]bool // by revision; true: by hand
	data                map[int][]string
	asides              []aside
	config              map[int]map[string]string
	says                map[int]string // by content: what its hook says at rest
	down                map[int]bool   // by content: its service does not come up
	held, asks, stopped bool
	holder              string // admin, hour (an admin's, for a time) or hook
	app                 bool   // health is what a service said by itself
	retain, room        int    // revisions that are kept; that may still lie on the disk
	up, flaps           bool   // the service runs; it ends while it bakes, and is started again
	shared              bool   // all revisions have the same data
	offered             int    // highest content in the store
	health              word
	why                 *story
}

// story is what `pkgd why` says.
type story struct {
	kind                     string
	from, to                 int
	rule, outcome            string // no rule: none is promised
	before, after            *word
	restored, refused, twice bool // twice: refused for double the time
	asks                     bool
}

func newPack() *pack {
	return &pack{
		retain: retain, room: retain,
		numbers: map[int]int{}, refused: map[int]bool{}, data: map[int][]string{}, config: map[int]map[string]string{},
		says: map[int]string{}, down: map[int]bool{},
	}
}

func (p *pack) clone() pack {
	c := *p
	c.asides = slices.Clone(p.asides)
	c.before, c.refused, c.data, c.config = slices.Clone(p.before), maps.Clone(p.refused), maps.Clone(p.data), maps.Clone(p.config)
	return c
}

// folder is where the data of a revision are.
func (p *pack) folder(rev int) int {
	if p.shared {
		return 0
	}
	return rev
}

// number is the revision of a content: given once, kept for ever.
func (p *pack) number(v int) int {
	if p.numbers[v] == 0 {
		p.last++
		p.numbers[v] = p.last
	}
	return p.numbers[v]
}

func (p *pack) contentOf(rev int) int {
	for v, n := range p.numbers {
		if n == rev {
			return v
		}
	}
	return 0
}

func (p *pack) runs() content { return contents[p.contentOf(p.current)] }
func (p *pack) wanted() bool  { return p.runs().service && !p.stopped }

// sayOf is what a content says. One whose settle outlasts the history has to say
// something that ends it.
func (p *pack) sayOf(v int) string { return sayAs(v, p.says[v]) }

func sayAs(v int, say string) string {
	if say == "" || contents[v].long && say != "error" && say != "blocked" {
		return "active"
	}
	return say
}

// rest is a run outside of the verdict's window, in what the verdict makes of it.
func (p *pack) rest() word {
	v := p.contentOf(p.current)
	w := unknown
	if contents[v].hook {
		w = words[p.sayOf(v)]
	}
	switch {
	case p.wanted() && !p.up && !(w.explicit && w.status == "error"):
		return serviceDown
	case p.wanted() && !contents[v].hook:
		return active // nobody says so, but its services are up
	}
	return w
}

// hear makes w the package's record. Without a hook nothing is known but that a
// service is down.
func (p *pack) hear(w word) {
	if !p.runs().hook && w.status != "error" {
		w = unknown
	}
	if p.app && (w == unknown || w == words["silent"]) {
		return // who is silent does not contradict
	}
	p.health, p.app = w, false
}

// start starts the service, if it is wanted, and lets it write its data.
func (p *pack) start() {
	p.up = p.wanted() && !p.down[p.contentOf(p.current)]
	if p.up {
		p.write("s" + strconv.Itoa(p.contentOf(p.current)))
	}
}

// write adds a line to the data, if it is not there.
func (p *pack) write(line string) {
	f := p.folder(p.current)
	if had := p.data[f]; !slices.Contains(had, line) {
		p.data[f] = append(slices.Clone(had), line)
	}
}

func (p *pack) set(key, value string) {
	doc := maps.Clone(p.config[p.current])
	if doc == nil {
		doc = map[string]string{}
	}
	doc[key] = value
	p.config[p.current] = doc
}

func (p *pack) unset(key string) {
	p.config[p.current] = maps.Clone(p.config[p.current])
	delete(p.config[p.current], key)
}

// take makes rev current, with the data and configuration of from.
func (p *pack) take(rev, from int) {
	p.config[rev] = p.config[from]
	if !p.shared {
		p.setAside(rev, from) // data of an earlier life of it
		p.data[rev] = p.data[from]
	}
	p.current, p.app = rev, false
}

// judge is the verdict: first is what the hook says after the switch, one after
// the other, before it says what it says at rest.
func (p *pack) judge(first []string, bake bool) word {
	v := p.contentOf(p.current)
	c, says := contents[v], append(slices.Clone(first), p.sayOf(v))
	if !c.hook || p.wanted() && !p.up {
		w := p.rest()
		if own := words[says[0]]; c.hook && own.explicit && own.status == "error" {
			w = own
		} else if c.hook {
			w = serviceDown
		}
		return w
	}
	if p.flaps && p.up {
		return serviceDown
	}
	for i, held := 0, 0; ; i++ {
		w := words[says[min(i, len(says)-1)]]
		switch {
		case w.explicit && (w.status == "error" || w.status == "blocked"):
			return w
		case w.status == "active":
			if held++; held == 2 || !bake {
				return w
			}
			continue
		}
		held = 0
		if !c.long {
			if w.failed {
				w.status = "error"
			}
			return w
		}
	}
}

// decide is the design's table.
func decide(before, after string, noRevert, died bool, c content) story {
	bad := before == "active" && (after == "error" || after == "blocked" && c.revertOnBlocked) ||
		died && before == "unknown" && after == "error"
	switch {
	case after == "active":
		return story{rule: "to-active", outcome: api.OutcomeDone}
	case bad && noRevert:
		return story{rule: "no-revert", outcome: api.OutcomeKept, asks: true}
	case bad && c.keep && after == "blocked":
		return story{rule: "active-to-blocked", outcome: api.OutcomeKept, asks: true}
	case bad && c.keep:
		return story{rule: "on-regression-keep", outcome: api.OutcomeKept}
	case bad && died:
		return story{rule: "crash-loop", outcome: api.OutcomeReverted}
	case bad:
		return story{rule: "active-to-" + after, outcome: api.OutcomeReverted}
	case before == "active":
		return story{rule: "active-to-" + after, outcome: api.OutcomeKept, asks: after == "blocked"}
	case after == "error":
		return story{rule: "not-active-to-error", outcome: api.OutcomeUnproven}
	case before == "unknown" && after == "unknown":
		return story{rule: "not-active-to-other", outcome: api.OutcomeDone}
	}
	return story{rule: "not-active-to-other", outcome: api.OutcomeKept}
}

// unwell tells whether a revision that is back is worse off than before.
func unwell(before, now word) bool {
	return now.status == "error" || now.status == "blocked" || now.status != "active" && before.status == "active"
}
