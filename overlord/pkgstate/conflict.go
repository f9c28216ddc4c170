package pkgstate

import (
	"fmt"
	"slices"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// changePackages names the packages that a change works on.
func changePackages(chg *state.Change) []string {
	var names []string
	if err := chg.Get("packages", &names); err != nil {
		return nil
	}
	return names
}

// busy finds the unfinished change that works on a package, nil if there is
// none. The state is locked.
func (m *Manager) busy(name string) *state.Change {
	for _, chg := range m.st.OpenChanges() {
		if slices.Contains(changePackages(chg), name) {
			return chg
		}
	}
	return nil
}

// checkConflict refuses a second change on a package. The state is locked, and
// stays so until the new change is made.
func (m *Manager) checkConflict(names ...string) error {
	for _, name := range names {
		if m.st.Has(restoringPrefix + name) {
			return &api.Error{
				Kind:    api.ErrConflict,
				Message: fmt.Sprintf("data of package %q that were set aside are just brought back", name),
				Hint:    "try again when they are",
			}
		}
		chg := m.busy(name)
		if chg == nil {
			continue
		}
		return &api.Error{
			Kind:    api.ErrConflict,
			Message: fmt.Sprintf("package %q has change %s in progress (%s)", name, chg.ID(), chg.Summary()),
			Hint:    fmt.Sprintf("wait for it: pkgd watch %s · or stop it: pkgd abort %s", chg.ID(), chg.ID()),
		}
	}
	return nil
}
