package pkgstate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"pkgd.io/pkgd/internal/api"
)

// Do carries out what an admin asks of packages. It answers with the id of the
// change that was begun, or none where nothing has to be done, and with lines
// for people. Refusals are *api.Error.
func (m *Manager) Do(ctx context.Context, req api.PackageRequest) (string, api.PackageResult, error) {
	if req.Transaction != "" && req.Transaction != "all" {
		return "", api.PackageResult{}, badRequest("unknown transaction %q; the only one is \"all\"", req.Transaction)
	}
	if twice := firstTwice(req.Targets); twice != "" {
		return "", api.PackageResult{}, badRequest("%q is named twice", twice)
	}
	switch req.Action {
	case "install":
		return m.doArrive(ctx, req, true)
	case "refresh":
		return m.doArrive(ctx, req, false)
	case "revert":
		return m.doRevert(req)
	case "remove":
		return m.doRemove(req)
	case "hold", "unhold":
		return m.doHold(req)
	case "accept":
		return m.doAccept(req)
	}
	return "", api.PackageResult{}, badRequest("unknown action %q; known: install, refresh, revert, remove, hold, unhold, accept", req.Action)
}

func badRequest(format string, args ...any) error {
	return &api.Error{Kind: api.ErrBadRequest, Message: fmt.Sprintf(format, args...)}
}

func firstTwice(words []string) string {
	for i, w := range words {
		if slices.Contains(words[:i], w) {
			return w
		}
	}
	return ""
}

// doArrive is install and refresh: content comes from a path or a store. What is
// slow (reading and hashing it) happens before the state is locked; fetch and
// verify do it again on pkgd's own copy, because a path may change meanwhile.
func (m *Manager) doArrive(ctx context.Context, req api.PackageRequest, install bool) (string, api.PackageResult, error) {
	if install && len(req.Targets) == 0 {
		return "", api.PackageResult{}, badRequest("nothing to install is named")
	}
	var found []*setup
	var res api.PackageResult
	var err error
	if len(req.Targets) == 0 {
		found, res.Messages, err = m.lookForUpdates(ctx, req)
	} else {
		found, err = m.resolve(ctx, req, install)
	}
	if err != nil {
		return "", res, err
	}
	if twice := firstTwice(setupNames(found)); twice != "" {
		return "", res, badRequest("package %q is named twice", twice)
	}

	m.st.Lock()
	defer m.st.Unlock()
	var todo []*setup
	for _, s := range found {
		reason, err := m.prepare(s, req, install)
		if err != nil {
			return "", res, err
		}
		res.Plan = append(res.Plan, planItem(s, reason))
		if s.Entry != nil && len(req.Targets) > 0 {
			res.Messages = append(res.Messages, passedOver(s.Entry.Skipped)...)
		}
		if reason != "" {
			res.Messages = append(res.Messages, reason)
			continue
		}
		todo = append(todo, s)
	}
	if req.DryRun || len(todo) == 0 {
		return "", res, nil
	}
	if err := m.checkConflict(setupNames(todo)...); err != nil {
		return "", res, err
	}
	return m.newChange(todo, req.Transaction == "all"), res, nil
}

func setupNames(setups []*setup) []string {
	names := make([]string, len(setups))
	for i, s := range setups {
		names[i] = s.Package
	}
	return names
}

// prepare completes a setup from what is installed. A reason is why nothing has
// to be done. The state is locked.
func (m *Manager) prepare(s *setup, req api.PackageRequest, install bool) (reason string, err error) {
	p, err := loadPackage(m.st, s.Package)
	if err != nil {
		return "", err
	}
	if install {
		return "", m.prepareInstall(s, p)
	}
	if !p.installed() {
		return "", m.notInstalledYet(s)
	}
	s.Kind, s.From, s.FromVersion, s.DataFrom = "refresh", p.Current, p.version(p.Current), p.Current
	s.NoRevert = req.NoRevert
	if p.digest(p.Current) == s.Digest {
		if len(req.Targets) > 0 { // a refresh that awaits its verdict may still be taken back
			if err := m.checkConflict(s.Package); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%s %s (revision %d) runs already: nothing to do", s.Package, s.ToVersion, p.Current), nil
	}
	if chg := m.busy(s.Package); chg != nil && len(req.Targets) == 0 {
		return fmt.Sprintf("%s has change %s in progress", s.Package, chg.ID()), nil
	}
	if p.Hold != nil && p.Hold.active() && len(req.Targets) == 0 {
		return fmt.Sprintf("%s is held", s.Package), nil
	}
	rs, err := m.refusals(s.Package)
	if err != nil {
		return "", err
	}
	if r, ok := rs[s.Digest]; ok && !req.RetryRefused && r.holds() {
		if len(req.Targets) == 0 {
			return fmt.Sprintf("%s %s is refused: pkgd why %s", s.Package, s.ToVersion, s.Package), nil
		}
		return "", refusedError(s.Package, cmp.Or(s.Path, s.Package), r)
	}
	return "", nil
}

func (m *Manager) prepareInstall(s *setup, p *packageState) error {
	if p.installed() {
		hint := "update it: pkgd refresh " + s.Package
		if s.Path != "" {
			hint = "update it: pkgd refresh " + s.Path
		}
		return &api.Error{
			Kind:    api.ErrAlreadyInstalled,
			Message: fmt.Sprintf("package %q is already installed (%s, revision %d)", s.Package, p.version(p.Current), p.Current),
			Hint:    hint,
		}
	}
	s.Kind, s.DataFrom = "install", p.LeftData
	return nil
}

func (m *Manager) notInstalledYet(s *setup) error {
	err := m.notInstalled(s.Package).(*api.Error)
	if s.Path != "" {
		err.Hint = "install it: pkgd install " + s.Path
	}
	return err
}

func planItem(s *setup, reason string) api.PlanItem {
	item := api.PlanItem{
		Package: s.Package, Action: s.Kind, From: s.From, To: s.To,
		FromVersion: s.FromVersion, ToVersion: s.ToVersion, Reason: reason,
	}
	if reason != "" {
		item.Action = "nothing"
	}
	return item
}
