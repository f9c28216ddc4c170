package pkgstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/store"
)

// isPath tells a path from a package's name (design §7: it contains a slash or
// ends in .pkg).
func isPath(target string) bool {
	return strings.Contains(target, "/") || strings.HasSuffix(target, ".pkg")
}

// resolve finds the content that each target means. It reads disks: the state
// must not be locked.
func (m *Manager) resolve(ctx context.Context, req api.PackageRequest, install bool) ([]*setup, error) {
	var found []*setup
	for _, target := range req.Targets {
		var s *setup
		var err error
		if isPath(target) {
			s, err = resolvePath(target)
		} else {
			s, err = m.resolveName(ctx, target, req, install)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

func resolvePath(path string) (*setup, error) {
	if !filepath.IsAbs(path) {
		return nil, badRequest("path %q is not absolute", path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, &api.Error{Kind: api.ErrNotFound, Message: fmt.Sprintf("cannot read %s: %v", path, errors.Unwrap(err)), Hint: "check the path"}
	}
	info, err := pkgfile.ReadInfo(path)
	if err != nil {
		return nil, badPackage(path, err)
	}
	digest, err := pkgfile.DigestOf(path)
	if err != nil {
		return nil, badPackage(path, err)
	}
	return &setup{Package: info.Name, Path: path, Digest: digest, ToVersion: info.Version}, nil
}

// badPackage keeps every line of a manifest's problems: an author mends them all
// at once.
func badPackage(path string, err error) error {
	var apiErr *api.Error
	if errors.As(err, &apiErr) {
		return err
	}
	return &api.Error{
		Kind:    api.ErrBadPackage,
		Message: fmt.Sprintf("%s is not a package pkgd can take: %v", path, err),
		Hint:    "check it: pkgd lint " + path,
	}
}

// resolveName finds a name in the stores. What is asked of an installed package
// by its name alone must exist here first, so that a typing error names the
// nearest installed one.
func (m *Manager) resolveName(ctx context.Context, name string, req api.PackageRequest, install bool) (*setup, error) {
	m.st.Lock()
	p, err := loadPackage(m.st, name)
	if err == nil && !install && !p.installed() {
		err = m.notInstalled(name)
	}
	if err == nil && install && p.installed() {
		err = m.prepareInstall(&setup{Package: name}, p)
	}
	if !install && err == nil {
		err = m.checkRefusedCurrent(p, req)
	}
	m.st.Unlock()
	if err != nil {
		return nil, err
	}
	channel := req.Channel
	if channel == "" {
		channel = p.Channel
	}
	entry, err := m.findInStores(ctx, name, channel, req.Dangerous)
	if err != nil {
		return nil, err
	}
	return m.setupOf(entry, channel)
}

// checkRefusedCurrent is where a question that stores cannot answer is
// caught early; with stores the refused digest is seen in prepare.
func (m *Manager) checkRefusedCurrent(p *packageState, req api.PackageRequest) error {
	if len(m.stores()) > 0 || req.RetryRefused {
		return nil
	}
	rs, err := m.refusals(p.Name)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.holds() {
			return refusedError(p.Name, p.Name, r)
		}
	}
	return nil
}

func (m *Manager) setupOf(entry store.Entry, channel string) (*setup, error) {
	digest, err := m.digests.of(entry.Path)
	if err != nil {
		return nil, badPackage(entry.Path, err)
	}
	return &setup{Package: entry.Name, Entry: &entry, Channel: cmp.Or(channel, entry.Channel), Digest: digest, ToVersion: entry.Version}, nil
}

// findInStores asks the stores in the order of the configuration; the highest
// version wins, and of equal ones the first store's.
func (m *Manager) findInStores(ctx context.Context, name, channel string, dangerous bool) (store.Entry, error) {
	stores := m.stores()
	if len(stores) == 0 {
		return store.Entry{}, &api.Error{
			Kind:    api.ErrNotFound,
			Message: fmt.Sprintf("package %q has no store to come from: no stores are configured", name),
			Hint:    "give a path, or set stores: in pkgd.yaml",
		}
	}
	if err := m.mayTake(name, dangerous); err != nil {
		return store.Entry{}, err
	}
	got := search(ctx, stores, name, channel)
	if got.best == nil {
		return store.Entry{}, &api.Error{Kind: api.ErrNotFound, Message: errors.Join(got.missing...).Error(), Hint: "see what a store has: ls its folder"}
	}
	return *got.best, nil
}

func (m *Manager) mayTake(name string, dangerous bool) error {
	if dangerous || !m.needsSignature() {
		return nil
	}
	return &api.Error{
		Kind:    api.ErrForbidden,
		Message: fmt.Sprintf("what stores have of package %q is not signed, and trust: is configured", name),
		Hint:    "take it on your own word: --dangerous",
	}
}

// searched is what stores have of one package.
type searched struct {
	best    *store.Entry // nil: none has it; its Skipped are those of all stores
	skipped []string     // what could not be taken, and why
	missing []error      // a store each that has nothing
}

func search(ctx context.Context, stores []store.Store, name, channel string) (got searched) {
	for _, s := range stores {
		e, err := s.Find(ctx, name, channel)
		if err != nil {
			got.missing = append(got.missing, err)
			if none, ok := errors.AsType[*store.NotFoundError](err); ok {
				got.skipped = append(got.skipped, none.Skipped...)
			}
			continue
		}
		got.skipped = append(got.skipped, e.Skipped...)
		if got.best == nil || pkginfo.CompareVersions(e.Version, got.best.Version) > 0 {
			got.best = &e
		}
	}
	if got.best != nil {
		got.best.Skipped = got.skipped
	}
	return got
}

// unreadable tells of the stores that cannot be looked into: what is in them may
// be newer than all else. It is an error when there is no other.
func unreadable(ctx context.Context, stores []store.Store) (messages []string, err error) {
	for _, s := range stores {
		if _, err := s.Names(ctx); err != nil {
			messages = append(messages, err.Error())
		}
	}
	if len(messages) == len(stores) {
		return nil, &api.Error{Kind: api.ErrNotFound, Message: strings.Join(messages, "\n"), Hint: "stores: in pkgd.yaml names them"}
	}
	return messages, nil
}

func passedOver(reasons []string) (messages []string) {
	for _, reason := range reasons {
		messages = append(messages, "passed over: "+reason)
	}
	return messages
}

// lookForUpdates finds what the stores have that is newer than what runs, for
// every package that is not held. A package no store knows is passed over: it
// came from a path.
func (m *Manager) lookForUpdates(ctx context.Context, req api.PackageRequest) ([]*setup, []string, error) {
	stores := m.stores()
	if len(stores) == 0 {
		return nil, []string{"no stores are configured: nothing to look for (refresh from a path, or set stores: in pkgd.yaml)"}, nil
	}
	messages, err := unreadable(ctx, stores)
	if err != nil {
		return nil, nil, err
	}
	var found []*setup
	for _, p := range m.installedPackages() {
		if p.Hold != nil && p.Hold.active() {
			messages = append(messages, p.Name+" is held")
			continue
		}
		if err := m.mayTake(p.Name, req.Dangerous); err != nil {
			return nil, nil, err
		}
		got := search(ctx, stores, p.Name, p.Channel)
		messages = append(messages, passedOver(got.skipped)...)
		if got.best == nil || pkginfo.CompareVersions(got.best.Version, p.version(p.Current)) < 0 {
			continue // a store that lost its newest is no reason to go back
		}
		s, err := m.setupOf(*got.best, p.Channel)
		if err != nil {
			messages = append(messages, err.Error())
			continue
		}
		if s.Digest == p.digest(p.Current) {
			continue
		}
		found = append(found, s)
	}
	if len(found) == 0 && len(messages) == 0 {
		messages = []string{"everything is up to date"}
	}
	return found, messages, nil
}

func (m *Manager) installedPackages() []*packageState {
	m.st.Lock()
	defer m.st.Unlock()
	return m.installed()
}

// installed reads the installed packages, sorted by name. The state is locked.
func (m *Manager) installed() []*packageState {
	var all []*packageState
	for _, key := range m.st.Keys(packageKey("")) {
		if p, err := loadPackage(m.st, strings.TrimPrefix(key, packageKey(""))); err == nil && p.installed() {
			all = append(all, p)
		}
	}
	return all
}
