package world

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"pkgd.io/pkgd/overlord/state"
)

// Tasks are the statuses of the newest change's tasks, by what they do, as the
// disk of a host without a daemon has them.
func (w *World) Tasks() map[string]string {
	w.Helper()
	copied := filepath.Join(filepath.Dir(w.Pkgs), "looked-at")
	b, err := os.ReadFile(w.Dirs.State())
	if errors.Is(err, fs.ErrNotExist) { // it never came to that
		return nil
	}
	if err == nil {
		err = os.WriteFile(copied, b, 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
	st, err := state.Open(copied, state.Options{})
	if err != nil {
		w.Fatalf("a death has left a state that does not open: %v", err)
	}
	defer st.Close()
	st.Lock()
	defer st.Unlock()
	found := map[string]string{}
	all := st.Changes()
	if len(all) == 0 {
		return found
	}
	for _, task := range all[len(all)-1].Tasks() {
		found["change "+all[len(all)-1].ID()+": "+task.Summary()] = task.Status().String()
	}
	return found
}
