package pkgstate

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/overlord/pkgstate/backend"
	"pkgd.io/pkgd/overlord/state"
)

// doFetchPackage makes pkgd's own copy of the content; whatever happens to the
// source afterwards does not matter.
func (m *Manager) doFetchPackage(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	_, err = m.staged(ctx, s)
	return err
}

func (m *Manager) undoFetchPackage(_ context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	return m.disk.Unstage(s.Stage)
}

// doVerifyPackage checks the private copy against what was asked for and gives
// the content its revision number.
func (m *Manager) doVerifyPackage(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	staged, err := m.staged(ctx, s)
	if err != nil {
		return err
	}
	if err := m.acceptable(s, staged); err != nil {
		return err
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return err
	}
	s.To, s.ToVersion = p.number(staged.Digest), staged.Info.Version
	_, s.OnDisk = p.Revisions[s.To]
	m.save(p)
	t.Change().Set(setupKey(s.Package), s)
	return nil
}

// staged makes the private copy, or finds it again when it is there.
func (m *Manager) staged(ctx context.Context, s *setup) (backend.Staged, error) {
	source := s.Path
	if s.Entry != nil {
		source = s.Entry.Path
	}
	return m.disk.Stage(ctx, source, s.Stage)
}

func (m *Manager) acceptable(s *setup, staged backend.Staged) error {
	info := staged.Info
	switch {
	case info.Name != s.Package:
		return fmt.Errorf("the content says that it is package %q, not %q", info.Name, s.Package)
	case staged.Digest != s.Digest:
		return fmt.Errorf("the content changed while it was read: asked for %s, got %s; try again", s.Digest, staged.Digest)
	}
	if !info.RunsOn(runtime.GOARCH) {
		return fmt.Errorf("the package is made for %s, this machine is %s", strings.Join(info.Architectures, ", "), runtime.GOARCH)
	}
	return m.usersPossible(info)
}

// usersPossible refuses user: where pkgd is not root and could not honour it.
func (m *Manager) usersPossible(info *pkginfo.Info) error {
	if os.Geteuid() == 0 {
		return nil
	}
	for _, svc := range info.Services {
		if svc.User != "" {
			return fmt.Errorf("service %q wants user %q, but pkgd does not run as root", svc.Name, svc.User)
		}
	}
	for name, h := range info.Hooks {
		if h.User != "" {
			return fmt.Errorf("hook %q wants user %q, but pkgd does not run as root", name, h.User)
		}
	}
	return nil
}

// The numbers given to content that arrived stay given: nothing to undo.
func (m *Manager) undoVerifyPackage(context.Context, *state.Task) error { return nil }

// doUnpackPackage puts the content in its place, whole or not at all.
func (m *Manager) doUnpackPackage(ctx context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	if !s.OnDisk {
		if _, err := m.staged(ctx, s); err != nil {
			return err
		}
		if err := m.disk.Install(ctx, s.Stage, s.Package, s.To); err != nil {
			return err
		}
		if err := m.addRevision(s); err != nil {
			return err
		}
	}
	return m.disk.Unstage(s.Stage)
}

func (m *Manager) addRevision(s *setup) error {
	r, err := m.readRevision(s.Package, s.To)
	if err != nil {
		return err
	}
	r.Digest = s.Digest
	m.st.Lock()
	defer m.st.Unlock()
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return err
	}
	if p.Revisions == nil {
		p.Revisions = map[int]*revision{}
	}
	p.Revisions[s.To] = r
	m.save(p)
	return nil
}

// readRevision reads what the unpacked tree says of itself.
func (m *Manager) readRevision(name string, rev int) (*revision, error) {
	tree := os.DirFS(m.dirs.Revision(name, rev))
	info, err := pkginfo.ReadTree(tree)
	if err != nil {
		return nil, err
	}
	hooks, _ := pkginfo.Hooks(tree)
	return &revision{
		Number: rev, Version: info.Version, InstalledAt: time.Now(), Info: info, Hooks: hooks,
		Health: slices.Contains(hooks, "check-health"), Plugins: len(pkginfo.HealthPlugins(tree)) > 0,
	}, nil
}

// undoUnpackPackage deletes what this change unpacked, except content that is
// refused: it stays for an admin to look at, until retain drops it or the next
// such content comes. A host to which one bad update after the other comes must
// not fill its disk with them.
func (m *Manager) undoUnpackPackage(_ context.Context, t *state.Task) error {
	s, story, err := m.read(t)
	if err != nil {
		return err
	}
	if err := m.disk.Unstage(s.Stage); err != nil {
		return err
	}
	if story.Linked && story.Revert && s.Kind == "refresh" {
		return m.discardUnproven(s.Package, s.To)
	}
	if s.OnDisk || s.To == 0 {
		return nil
	}
	return m.dropRevision(s.Package, s.To)
}

// discardUnproven gives up the revisions that nobody would go back to, but for
// one.
func (m *Manager) discardUnproven(name string, but int) error {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	m.st.Unlock()
	if err != nil {
		return err
	}
	for _, rev := range p.unproven() {
		if rev == but {
			continue
		}
		if err := m.discard(name, rev); err != nil {
			return err
		}
	}
	return nil
}

// unproven lists the revisions that do not run and never stayed, newest first.
func (p *packageState) unproven() []int {
	var list []int
	for n := range p.Revisions {
		if n != p.Current && !slices.Contains(p.Before, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

// dropRevision forgets a revision and deletes its tree; its number and its data
// are others' business. The state is written first, so that a crash between the
// two leaves a folder that Clean finds and not a revision without content.
func (m *Manager) dropRevision(name string, rev int) error {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	if err == nil {
		delete(p.Revisions, rev)
		p.Before = slices.DeleteFunc(p.Before, func(r int) bool { return r == rev })
		m.save(p)
	}
	m.st.Unlock()
	if err != nil {
		return err
	}
	return m.disk.RemoveRevision(name, rev)
}

// doDiscardRevisions gives up the oldest revisions beyond what is retained. It
// is the last task and has no undo: the verdict is in.
func (m *Manager) doDiscardRevisions(_ context.Context, t *state.Task) error {
	s, _, err := m.read(t)
	if err != nil {
		return err
	}
	m.st.Lock()
	p, err := loadPackage(m.st, s.Package)
	var drop []int
	if err == nil {
		drop = p.beyond(m.retain())
	}
	m.st.Unlock()
	if err != nil {
		return err
	}
	if err := m.disk.UnprepareAside(s.Package); err != nil {
		return err
	}
	for _, rev := range drop {
		if err := m.discard(s.Package, rev); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) discard(name string, rev int) error {
	if err := m.disk.DropData(name, rev); err != nil {
		return err
	}
	m.st.Lock()
	m.st.Set(configKey(name, rev), nil)
	m.st.Unlock()
	return m.dropRevision(name, rev)
}

// beyond lists the revisions to give up so that keep stay, the current one
// among them; those that ran last are kept first, and those that never proved
// themselves go first.
func (p *packageState) beyond(keep int) []int {
	order := []int{p.Current}
	for _, n := range slices.Backward(p.Before) {
		order = append(order, n)
	}
	kept := 0
	var drop []int
	for _, n := range append(order, p.unproven()...) {
		if p.Revisions[n] == nil {
			continue
		}
		if kept++; kept > keep {
			drop = append(drop, n)
		}
	}
	slices.Sort(drop)
	return drop
}

// nothing is the undo of tasks that leave nothing behind.
func nothing(context.Context, *state.Task) error { return nil }
