package truth

// apps is what a service may say by itself, as ctl's arguments, and what follows
// of its health.
var apps = map[string]struct {
	args string
	word word
}{
	"active":  {"set-health active", word{status: "active"}},
	"waiting": {"set-health waiting --code=app-waits Soon", word{status: "waiting", code: "app-waits"}},
	"blocked": {"set-health blocked --code=app-asks Help", word{status: "blocked", code: "app-asks"}},
	"error":   {"set-health error --code=app-broke Broken", word{status: "error", code: "app-broke"}},
	"hold":    {"refresh --hold", word{}},
	"proceed": {"refresh --proceed", word{}},
}

// ctl is a service that calls ctl by itself, if it runs. It gives the exit
// status, -1 where nobody calls.
func (p *pack) ctl(say string) (exit int) {
	if !p.up {
		return -1
	}
	admins := p.held && p.holder != "hook"
	switch {
	case say == "hold" && !admins:
		p.held, p.holder = true, "hook"
	case say == "proceed" && admins:
		return 1
	case say == "proceed":
		p.held = false
	case say != "hold":
		p.health, p.app = apps[say].word, true
	}
	return 0
}

// hold is an admin's word. One for a moment is over at once.
func (p *pack) hold(d deed) {
	p.held = d.do == "hold" && d.n != 2
	p.holder = []string{"admin", "hour", ""}[d.n]
}

// until tells whether the hold ends by itself.
func (p *pack) until() bool { return p.held && p.holder != "admin" }
