package pkgstate

import (
	"fmt"
	"slices"

	"pkgd.io/pkgd/internal/api"
)

func (m *Manager) doRevert(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) != 1 {
		return "", res, badRequest("revert takes one package, not %d", len(req.Targets))
	}
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(req.Targets[0])
	if err != nil {
		return "", res, err
	}
	if err := m.checkConflict(p.Name); err != nil {
		return "", res, err
	}
	to, err := m.revertTarget(p, req.ToRevision)
	if err != nil {
		return "", res, err
	}
	s := &setup{
		Kind: "revert", Package: p.Name, Digest: to.Digest, From: p.Current, To: to.Number,
		FromVersion: p.version(p.Current), ToVersion: to.Version, OnDisk: true,
	}
	res.Plan = []api.PlanItem{planItem(s, "")}
	if req.DryRun {
		return "", res, nil
	}
	return m.newChange([]*setup{s}, false), res, nil
}

// revertTarget is the kept, unrefused revision that was current before, or the
// one that the admin names. The state is locked.
func (m *Manager) revertTarget(p *packageState, want int) (*revision, error) {
	rs, err := m.refusals(p.Name)
	if err != nil {
		return nil, err
	}
	if want != 0 {
		return namedRevision(p, rs, want)
	}
	for _, n := range slices.Backward(p.Before) {
		r := p.Revisions[n]
		if r == nil {
			continue
		}
		if _, refused := rs[r.Digest]; !refused {
			return r, nil
		}
	}
	return nil, &api.Error{
		Kind:    api.ErrNoRevision,
		Message: fmt.Sprintf("package %q has no earlier revision that is kept and not refused", p.Name),
		Hint:    "see what is kept: pkgd info " + p.Name,
	}
}

func namedRevision(p *packageState, rs refusals, want int) (*revision, error) {
	r := p.Revisions[want]
	e := &api.Error{Kind: api.ErrNoRevision, Hint: "see what is kept: pkgd info " + p.Name}
	switch {
	case want == p.Current:
		e.Message = fmt.Sprintf("package %q is at revision %d already", p.Name, want)
	case r == nil:
		e.Message = fmt.Sprintf("package %q keeps no revision %d", p.Name, want)
	default:
		if ref, refused := rs[r.Digest]; refused {
			return nil, refusedError(p.Name, p.Name, ref)
		}
		return r, nil
	}
	return nil, e
}

func (m *Manager) doRemove(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to remove is named")
	}
	m.st.Lock()
	defer m.st.Unlock()
	var setups []*setup
	for _, name := range req.Targets {
		p, err := m.loadRemovable(name, req.Purge)
		if err != nil {
			return "", res, err
		}
		setups = append(setups, &setup{
			Kind: "remove", Package: name, From: p.Current, FromVersion: p.version(p.Current), Purge: req.Purge,
		})
	}
	if err := m.checkConflict(req.Targets...); err != nil {
		return "", res, err
	}
	for _, s := range setups {
		res.Plan = append(res.Plan, planItem(s, ""))
	}
	if req.DryRun {
		return "", res, nil
	}
	return m.newChange(setups, req.Transaction == "all"), res, nil
}

// loadRemovable is loadInstalled, but that purge also takes what an earlier
// remove left behind. The state is locked.
func (m *Manager) loadRemovable(name string, purge bool) (*packageState, error) {
	p, err := loadPackage(m.st, name)
	if err != nil || p.installed() || purge && p.LeftData != 0 {
		return p, err
	}
	return nil, m.notInstalled(name)
}
