package pkgstate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// Data lists what reverts of a package set aside.
func (m *Manager) Data(name string) ([]api.DataItem, error) {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	if err == nil && p.Last == 0 {
		err = m.notInstalled(name)
	}
	m.st.Unlock()
	if err != nil {
		return nil, err
	}
	return m.disk.Aside(name)
}

// DataAction brings back or drops data that a revert set aside. Bringing back
// stops the package's services for the moment; what is replaced is set aside in
// its turn.
func (m *Manager) DataAction(_ context.Context, name string, req api.DataRequest) error {
	items, err := m.Data(name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(items, func(i api.DataItem) bool { return i.ID == req.ID }) {
		return &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("package %q has no set-aside data %q", name, req.ID), Hint: "see what there is: pkgd data " + name}
	}
	switch req.Action {
	case "drop":
		return m.disk.DropAside(req.ID)
	case "restore":
		return m.restoreData(name, req.ID)
	}
	return badRequest("unknown action %q; known: restore, drop", req.Action)
}

// restoring is noted, durably, before data that were set aside come back: no
// change may begin meanwhile, and a death in between must not leave a package
// without data.
type restoring struct {
	ID string `json:"id"`
	To int    `json:"to"` // folder of data
}

const restoringPrefix = "restoring/"

func (m *Manager) restoreData(name, id string) error {
	p, err := m.beginRestore(name, id)
	if err != nil {
		return err
	}
	defer m.endRestore(name)
	ctx := m.life // once begun it is seen through, also when who asked has gone
	if err := m.endBoot(ctx, name); err != nil {
		return err
	}
	m.health.Pause(name)
	defer m.health.Resume(name)
	if err := m.stopServices(ctx, name); err != nil {
		return err
	}
	restoreErr := m.disk.RestoreAside(ctx, id, p.dataRevision(p.Current))
	if err := m.startServices(ctx, name, p.Current, nil); err != nil && restoreErr == nil {
		return err
	}
	return restoreErr
}

func (m *Manager) beginRestore(name, id string) (*packageState, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err == nil {
		err = m.checkConflict(name)
	}
	if err == nil {
		m.st.Set(restoringPrefix+name, restoring{ID: id, To: p.dataRevision(p.Current)})
	}
	return p, err
}

func (m *Manager) endRestore(name string) {
	if m.life.Err() != nil {
		return // the next pkgd finds out how far it came
	}
	m.st.Lock()
	defer m.st.Unlock()
	m.st.Set(restoringPrefix+name, nil)
}

// finishRestores puts data in their place that were on their way when pkgd died:
// the package had given up its own already. It is called before services start.
func (m *Manager) finishRestores() {
	m.st.Lock()
	keys := m.st.Keys(restoringPrefix)
	m.st.Unlock()
	for _, key := range keys {
		name := strings.TrimPrefix(key, restoringPrefix)
		if err := m.finishRestore(name); err != nil {
			m.log.Error("cannot bring back data that were set aside", "package", name, "error", err)
		}
		m.endRestore(name)
	}
}

func (m *Manager) finishRestore(name string) error {
	var r restoring
	m.st.Lock()
	err := m.st.Get(restoringPrefix+name, &r)
	m.st.Unlock()
	if err != nil || exists(m.dirs.DataRevision(name, r.To)) {
		return err // it had not begun, or had ended
	}
	return m.disk.RestoreAside(m.life, r.ID, r.To)
}
