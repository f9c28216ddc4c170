package pkgstate

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"

	"pkgd.io/pkgd/overlord/state"
)

// dataPair is the folders a lane's data move between: of the revision whose data
// are taken over (0 and false where there is none) and of the new one.
type dataPair struct {
	from, to int
	has      bool // there are data to take over
	shared   bool // one folder for all revisions: nothing is copied nor restored
}

func (m *Manager) dataPair(s *setup) (dataPair, error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return dataPair{}, err
	}
	d := dataPair{from: s.DataFrom, to: p.dataRevision(s.To), has: s.DataFrom != 0}
	if s.From != 0 {
		d.from = p.dataRevision(s.From)
	}
	d.shared = d.to == 0
	if d.has && !exists(m.dirs.DataRevision(s.Package, d.from)) {
		d.from = 0 // what ran before kept one folder for all its revisions
	}
	d.has = d.has && d.from != d.to && exists(m.dirs.DataRevision(s.Package, d.from))
	return d, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// doCopyData makes the new revision's data while the old one still serves. What
// lies where they have to go (the revision ran before) is set aside first.
func (m *Manager) doCopyData(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	d, err := m.dataPair(s)
	if err != nil {
		return err
	}
	if err := m.makeRoom(ctx, t, s, sto, d); err != nil {
		return err
	}
	if d.has {
		if err := m.disk.CopyData(ctx, s.Package, d.from, d.to); err != nil {
			return err
		}
	}
	if d.has && s.Kind == "refresh" {
		if _, err := m.disk.PrepareAside(s.Package, d.to, s.ToVersion); err != nil {
			return err
		}
	}
	if d.has && s.Kind == "install" { // no service is in the way of the second pass
		if err := m.disk.SnapshotData(ctx, s.Package, d.from, d.to); err != nil {
			return err
		}
	}
	return m.disk.EnsureData(s.Package, d.to, int(m.owner(s.Package, s.To)))
}

// makeRoom notes, before anything is made, what this change is about to make,
// so that its undo deletes that and nothing else.
func (m *Manager) makeRoom(ctx context.Context, t *state.Task, s *setup, sto *story, d dataPair) error {
	if sto.MadeData { // run again after a crash: noted already
		return m.setOldAside(ctx, s, d, sto.OldAside)
	}
	there := exists(m.dirs.DataRevision(s.Package, d.to))
	if there && !d.has {
		return nil // data that remove left behind, or one folder for all: taken over as they are
	}
	aside := ""
	if there {
		id, err := m.disk.PrepareAside(s.Package, d.to, s.ToVersion)
		if err != nil {
			return err
		}
		aside = id
	}
	common := !exists(m.dirs.DataCommon(s.Package))
	m.tell(t, func(st *story) { st.MadeData, st.MadeCommon, st.OldAside = true, common, aside })
	return m.setOldAside(ctx, s, d, aside)
}

// setOldAside moves data of an earlier life of the revision to the place that
// the story names already: an undo finds them there, or where they were.
func (m *Manager) setOldAside(ctx context.Context, s *setup, d dataPair, id string) error {
	if id == "" || m.disk.HasAside(id) {
		return nil
	}
	_, err := m.disk.SetAside(ctx, s.Package, d.to, s.ToVersion)
	return err
}

// undoCopyData deletes what doCopyData made. After the switch the copy held what
// the new revision wrote; then undoSnapshotData has set it aside already.
func (m *Manager) undoCopyData(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil || !sto.MadeData {
		return err
	}
	d, err := m.dataPair(s)
	if err != nil {
		return err
	}
	if sto.OldAside != "" && !m.disk.HasAside(sto.OldAside) {
		return m.disk.UnprepareAside(s.Package) // the old data never moved, or are back
	}
	if err := m.dropCopy(ctx, s, sto, d); err != nil {
		return err
	}
	if sto.OldAside != "" {
		return m.disk.RestoreAside(ctx, sto.OldAside, d.to)
	}
	if sto.MadeCommon {
		return m.disk.DropCommon(s.Package)
	}
	return nil
}

// dropCopy deletes the copy. What the new revision wrote into it is still there
// when it could not be set aside: that is tried once more, and nothing is
// deleted that was not.
func (m *Manager) dropCopy(ctx context.Context, s *setup, sto *story, d dataPair) error {
	if s.Kind == "refresh" && sto.Linked && !d.shared && exists(m.dirs.DataRevision(s.Package, d.to)) {
		if _, err := m.disk.SetAside(ctx, s.Package, d.to, s.ToVersion); err != nil {
			return err
		}
	}
	return errors.Join(m.disk.DropData(s.Package, d.to), m.disk.UnprepareAside(s.Package))
}

// doSnapshotData brings the copy up to date, now that nothing writes any more.
func (m *Manager) doSnapshotData(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	d, err := m.dataPair(s)
	if err != nil {
		return err
	}
	if !d.has {
		return nil
	}
	return m.disk.SnapshotData(ctx, s.Package, d.from, d.to)
}

// undoSnapshotData keeps what the new revision wrote, out of the way, for seven
// days. The old revision's own data were never touched: they are back as soon
// as the link is.
func (m *Manager) undoSnapshotData(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	d, err := m.dataPair(s)
	if err != nil {
		return err
	}
	if d.shared {
		m.tell(t, func(st *story) { st.DataShared = true })
		return nil
	}
	if !sto.Linked {
		return nil // nothing of the new revision has run: its copy holds nothing of its own
	}
	id := sto.SetAside
	if exists(m.dirs.DataRevision(s.Package, d.to)) {
		if id, err = m.disk.SetAside(ctx, s.Package, d.to, s.ToVersion); err != nil {
			return err
		}
	}
	m.tell(t, func(st *story) { st.DataRestored, st.SetAside = true, id })
	return nil
}

// doSetAsideData is the end of a revert by hand: what the left revision wrote is
// kept for seven days.
func (m *Manager) doSetAsideData(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	left, shared, err := m.leaving(s)
	if err != nil {
		return err
	}
	if left == 0 {
		m.tell(t, func(st *story) { st.DataShared = shared })
		return nil
	}
	id := sto.SetAside
	if exists(m.dirs.DataRevision(s.Package, left)) {
		if id, err = m.disk.SetAside(ctx, s.Package, left, s.FromVersion); err != nil {
			return err
		}
	}
	m.tell(t, func(st *story) { st.DataRestored, st.SetAside = true, id })
	return nil
}

// leaving is the data folder that a revert by hand leaves for good, 0 where the
// data stay in use or are shared by all revisions.
func (m *Manager) leaving(s *setup) (left int, shared bool, err error) {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return 0, false, err
	}
	left, back := p.dataRevision(s.From), p.dataRevision(s.To)
	if left == back {
		return 0, left == 0, nil
	}
	return left, false, nil
}

// prepareLeaving makes the place for what a revert by hand leaves while nothing
// has been touched yet: afterwards the disk may be full.
func (m *Manager) prepareLeaving(s *setup) error {
	if s.Kind != "revert" {
		return nil
	}
	left, _, err := m.leaving(s)
	if err != nil || left == 0 || !exists(m.dirs.DataRevision(s.Package, left)) {
		return err
	}
	_, err = m.disk.PrepareAside(s.Package, left, s.FromVersion)
	return err
}

// dropDataBut deletes the data of all revisions but one, also of those that are
// not on this host any more: an install takes over what an earlier remove left,
// and leaves the folder that it took that from.
func (m *Manager) dropDataBut(name string, left int) error {
	entries, err := os.ReadDir(m.dirs.Data(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		rev, err := strconv.Atoi(e.Name())
		if err != nil || rev == left {
			continue // of all revisions, or those that are kept
		}
		if err := m.disk.DropData(name, rev); err != nil {
			return err
		}
	}
	return nil
}

// owner is the user whom new data folders belong to: the first that the manifest
// names for a service or a hook, else pkgd's own.
func (m *Manager) owner(name string, rev int) uint32 {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, name)
	if err != nil || p.Revisions[rev] == nil {
		return m.uidOf("")
	}
	info := p.Revisions[rev].Info
	for _, svc := range info.Services {
		if svc.User != "" {
			return m.uidOf(svc.User)
		}
	}
	for _, hook := range slices.Sorted(maps.Keys(info.Hooks)) {
		if user := info.Hooks[hook].User; user != "" {
			return m.uidOf(user)
		}
	}
	return m.uidOf("")
}
