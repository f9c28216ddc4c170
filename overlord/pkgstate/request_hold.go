package pkgstate

import (
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
)

func (h *hold) active() bool { return h.Until == nil || time.Now().Before(*h.Until) }

func (m *Manager) doHold(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to %s is named", req.Action)
	}
	if req.For < 0 || req.For > api.MaxHold.Seconds() {
		return "", res, badRequest("cannot hold for %g seconds: it is 0, until told otherwise, or at most 100 years", req.For)
	}
	m.st.Lock()
	defer m.st.Unlock()
	var all []*packageState
	for _, name := range req.Targets {
		p, err := m.loadInstalled(name)
		if err != nil {
			return "", res, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		p.Hold = nil
		if req.Action == "hold" {
			p.Hold = newHold(seconds(req.For), "admin")
		}
		m.save(p)
		res.Messages = append(res.Messages, holdMessage(p))
	}
	return "", res, nil
}

func newHold(d time.Duration, by string) *hold {
	h := &hold{By: by}
	if d > 0 {
		until := time.Now().Add(d)
		h.Until = &until
	}
	return h
}

func holdMessage(p *packageState) string {
	switch {
	case p.Hold == nil:
		return p.Name + " is not held any more"
	case p.Hold.Until == nil:
		return p.Name + " is held until: pkgd unhold " + p.Name
	}
	return p.Name + " is held until " + p.Hold.Until.Format(time.RFC3339)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (m *Manager) doAccept(req api.PackageRequest) (string, api.PackageResult, error) {
	var res api.PackageResult
	if len(req.Targets) == 0 {
		return "", res, badRequest("no package to accept is named")
	}
	m.st.Lock()
	defer m.st.Unlock()
	for _, name := range req.Targets { // all, before anything is done
		if _, err := m.loadInstalled(name); err != nil {
			return "", res, err
		}
	}
	for _, name := range req.Targets {
		p, err := m.loadInstalled(name)
		if err != nil {
			return "", res, err
		}
		if p.Question == nil {
			res.Messages = append(res.Messages, fmt.Sprintf("%s asks nothing: nothing to accept", name))
			continue
		}
		p.Question = nil
		m.save(p)
		m.st.DropWarnings(name, codeDecide)
		res.Messages = append(res.Messages, fmt.Sprintf("%s %s is accepted as it is", name, p.version(p.Current)))
	}
	return "", res, nil
}
