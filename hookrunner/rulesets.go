package hookrunner

import (
	"sync"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// ConfinementNone is the manifest's word that switches the sandbox off.
const ConfinementNone = "none"

// rulesets keeps each package's sandbox in the kernel's form, as making it costs
// thirty rules and using it a few microseconds.
type rulesets struct {
	dirs dirs.Dirs
	ctl  string

	mu     sync.Mutex // guards byName
	byName map[string]stamped
}

type stamped struct {
	stamp   uint64
	ruleset *osutil.Ruleset
}

func newRulesets(d dirs.Dirs, ctl string) *rulesets {
	return &rulesets{dirs: d, ctl: ctl, byName: make(map[string]stamped)}
}

// Sandbox is what the processes of p may see of the file system.
func (r *Runner) Sandbox(p Package) osutil.Sandbox {
	return r.rulesets.sandbox(r.complete(p))
}

func (rs *rulesets) sandbox(p Package) osutil.Sandbox {
	return osutil.Sandbox{
		Dirs: rs.dirs, Root: p.Root, Ctl: rs.ctl,
		Writable: []string{p.Data, p.Common, p.Tmp}, OwnSignals: true,
	}
}

// get gives p's ruleset, to be closed after use; nil where p is not confined.
func (rs *rulesets) get(p Package) (*osutil.Ruleset, error) {
	if p.Confinement == ConfinementNone || osutil.LandlockABI() == 0 {
		return nil, nil
	}
	box := rs.sandbox(p)
	stamp := box.Stamp()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	have, ok := rs.byName[p.Name]
	if ok && have.stamp == stamp {
		return have.ruleset.Clone()
	}
	made, err := box.Ruleset()
	if err != nil {
		return nil, err
	}
	have.ruleset.Close()
	rs.byName[p.Name] = stamped{stamp, made}
	return made.Clone()
}

// forget lets a package's ruleset go.
func (rs *rulesets) forget(name string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if s, ok := rs.byName[name]; ok {
		s.ruleset.Close()
		delete(rs.byName, name)
	}
}

func (rs *rulesets) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for name, s := range rs.byName {
		s.ruleset.Close()
		delete(rs.byName, name)
	}
}
