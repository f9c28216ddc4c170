package pkgstate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/overlord/state"
)

// packageState is the durable truth about one package, key package/NAME. It
// outlives remove, so that revision numbers are never given twice.
type packageState struct {
	Name      string              `json:"name"`
	Current   int                 `json:"current"`             // 0: not installed
	Before    []int               `json:"before,omitempty"`    // revisions that were current, oldest first
	Last      int                 `json:"last"`                // highest number given so far
	Numbers   map[string]int      `json:"numbers,omitempty"`   // digest → revision, for ever
	Revisions map[int]*revision   `json:"revisions,omitempty"` // on disk
	Services  map[string]*svcWish `json:"services,omitempty"`
	Channel   string              `json:"channel,omitempty"`
	Hold      *hold               `json:"hold,omitempty"`
	Question  *question           `json:"question,omitempty"`
	LeftData  int                 `json:"left-data,omitempty"` // revision whose data remove left behind
}

// revision is content of a package on this host's disk.
type revision struct {
	Number      int           `json:"number"`
	Digest      string        `json:"digest"`
	Version     string        `json:"version"`
	InstalledAt time.Time     `json:"installed-at"`
	Info        *pkginfo.Info `json:"info"`
	Hooks       []string      `json:"hooks,omitempty"`
	Health      bool          `json:"health,omitempty"`  // has check-health
	Plugins     bool          `json:"plugins,omitempty"` // has meta/health.d
}

func (r *revision) hasHook(name string) bool { return slices.Contains(r.Hooks, name) }

// svcWish is how a service was last left: the admin's word, not what the
// service manager sees.
type svcWish struct {
	Disabled bool   `json:"disabled,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"`
	Cookie   string `json:"cookie,omitempty"` // hash of the cookie it was started with
}

// hold stops automatic refreshes; Until is nil for ever.
type hold struct {
	Until *time.Time `json:"until,omitempty"`
	By    string     `json:"by"` // admin or hook
}

// question is what a kept but unwell refresh asks of a person.
type question struct {
	Change string `json:"change"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Text   string `json:"text"`
}

func (p *packageState) installed() bool { return p.Current != 0 }

func (p *packageState) current() *revision { return p.Revisions[p.Current] }

// dataRevision is the name of the data folder that rev uses: its own, or 0, the
// one of all revisions, where the package says that its data have no versions.
func (p *packageState) dataRevision(rev int) int {
	if r := p.Revisions[rev]; r != nil && !r.Info.Versioned {
		return 0
	}
	return rev
}

// number gives the content's revision number, a new one when this host has not
// seen it before (design §1).
func (p *packageState) number(digest string) int {
	if n, ok := p.Numbers[digest]; ok {
		return n
	}
	p.Last++
	if p.Numbers == nil {
		p.Numbers = map[string]int{}
	}
	p.Numbers[digest] = p.Last
	return p.Last
}

func (p *packageState) digest(rev int) string {
	if r := p.Revisions[rev]; r != nil {
		return r.Digest
	}
	for d, n := range p.Numbers {
		if n == rev {
			return d
		}
	}
	return ""
}

func (p *packageState) version(rev int) string {
	if r := p.Revisions[rev]; r != nil {
		return r.Version
	}
	return ""
}

// leave makes to current, remembering what was.
func (p *packageState) leave(to int) {
	p.Before = slices.DeleteFunc(p.Before, func(r int) bool { return r == to || r == p.Current })
	if p.Current != 0 {
		p.Before = append(p.Before, p.Current)
	}
	p.Current = to
}

func (p *packageState) wish(service string) *svcWish {
	if w := p.Services[service]; w != nil {
		return w
	}
	if p.Services == nil {
		p.Services = map[string]*svcWish{}
	}
	w := &svcWish{}
	p.Services[service] = w
	return w
}

// restoreWishes has services wanted as they were in prev, whatever the hooks of a
// revision that is taken back did to them. Their cookies stay as they are.
func (p *packageState) restoreWishes(prev *packageState) {
	for name, w := range p.Services {
		was := prev.Services[name]
		w.Stopped, w.Disabled = was != nil && was.Stopped, was != nil && was.Disabled
	}
}

func packageKey(name string) string { return "package/" + name }

// loadPackage reads a package's state, an empty one where there is none. The
// state is locked.
func loadPackage(st *state.State, name string) (*packageState, error) {
	p := &packageState{Name: name}
	err := st.Get(packageKey(name), p)
	if err != nil && !errors.Is(err, state.ErrNoState) {
		return nil, fmt.Errorf("cannot read the state of package %q: %w", name, err)
	}
	return p, nil
}

// loadInstalled is loadPackage for a package that must be installed.
func (m *Manager) loadInstalled(name string) (*packageState, error) {
	p, err := loadPackage(m.st, name)
	if err != nil {
		return nil, err
	}
	if !p.installed() {
		return nil, m.notInstalled(name)
	}
	return p, nil
}

func (m *Manager) save(p *packageState) { m.st.Set(packageKey(p.Name), p) }

// notInstalled is the refusal for a name this host does not have, naming the
// nearest one that it has. The state is locked.
func (m *Manager) notInstalled(name string) error {
	e := &api.Error{Kind: api.ErrNotInstalled, Message: fmt.Sprintf("package %q is not installed", name)}
	if near := pkginfo.Nearest(name, m.names()); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	} else {
		e.Hint = "see what is: pkgd list"
	}
	return e
}

// names lists the installed packages, sorted. The state is locked.
func (m *Manager) names() []string {
	var names []string
	for _, p := range m.installed() {
		names = append(names, p.Name)
	}
	return names
}
