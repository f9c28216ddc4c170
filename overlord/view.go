package overlord

import (
	"log/slog"

	"pkgd.io/pkgd/internal/api"
)

// Log is where everything the daemon does is told.
func (ov *Overlord) Log() *slog.Logger { return ov.log }

// System describes what runs, for those who ask the daemon about itself.
func (ov *Overlord) System() api.System {
	s := api.System{
		Version: ov.version, Services: ov.svc.Kind(), Store: "ok", Confinement: ov.runner.Confinement(), Listen: []string{},
	}
	if err := ov.st.Writable(); err != nil {
		s.Store = err.Error()
	}
	for _, l := range ov.Config().Listen {
		s.Listen = append(s.Listen, l.URL)
	}
	return s
}

// Debug is the inside of the engine in figures.
func (ov *Overlord) Debug() map[string]any {
	ov.st.Lock()
	changes, packages := len(ov.st.Changes()), len(ov.st.Keys("package/"))
	ov.st.Unlock()
	return map[string]any{
		"commits": ov.st.Commits(), "changes": changes, "packages": packages,
		"cookies": ov.runner.Contexts().Len(), "loop-alive": ov.Alive(),
	}
}
