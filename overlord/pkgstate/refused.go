package pkgstate

import (
	"errors"
	"fmt"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/overlord/state"
)

// ladder is how long a digest is refused after its first, second, … failure
// (design §2, "Revert").
var ladder = []time.Duration{
	8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour,
	4 * 24 * time.Hour, 7 * 24 * time.Hour, 252 * time.Hour, 14 * 24 * time.Hour,
}

// refusal keeps one digest from being refreshed to by itself, for a time that a
// jumping wall clock neither frees nor freezes.
type refusal struct {
	Digest   string `json:"digest"`
	Revision int    `json:"revision"`
	Version  string `json:"version"`
	Code     string `json:"code"`
	Failures int    `json:"failures"`
	ByHand   bool   `json:"by-hand,omitempty"` // until retried, not for a time
	osutil.Countdown
}

func (r refusal) holds() bool { return r.ByHand || r.Rest() > 0 }

// until is the wall-clock time for people; nil while only a person can end it.
func (r refusal) until() *time.Time {
	if r.ByHand {
		return nil
	}
	t := r.End()
	return &t
}

type refusals map[string]refusal // by digest

func refusedKey(name string) string { return "refused/" + name }

// refusals reads what is refused of a package. The state is locked.
func (m *Manager) refusals(name string) (refusals, error) {
	rs := refusals{}
	err := m.st.Get(refusedKey(name), &rs)
	if err != nil && !errors.Is(err, state.ErrNoState) {
		return nil, fmt.Errorf("cannot read what is refused of package %q: %w", name, err)
	}
	return rs, nil
}

// refuse notes one more failure of a digest. The state is locked.
func (m *Manager) refuse(s *setup, code string, hostDied bool) (refusal, error) {
	rs, err := m.refusals(s.Package)
	if err != nil {
		return refusal{}, err
	}
	r := rs[s.Digest]
	r.Digest, r.Revision, r.Version, r.Code = s.Digest, s.To, s.ToVersion, code
	r.ByHand = false
	r.Failures++
	d := ladder[min(r.Failures, len(ladder))-1]
	if hostDied {
		d *= 2
	}
	r.Countdown = osutil.CountFrom(d)
	rs[s.Digest] = r
	m.st.Set(refusedKey(s.Package), rs)
	return r, nil
}

// refuseByHand keeps what an admin left from coming back until it is retried.
// The state is locked.
func (m *Manager) refuseByHand(name, digest string, rev int, version string) error {
	rs, err := m.refusals(name)
	if err != nil {
		return err
	}
	r := rs[digest]
	r.Digest, r.Revision, r.Version, r.Code, r.ByHand = digest, rev, version, "", true
	rs[digest] = r
	m.st.Set(refusedKey(name), rs)
	return nil
}

// forgive drops a refusal: its content has proved itself, or an undo takes the
// refusal back. The state is locked.
func (m *Manager) forgive(name, digest string) error {
	rs, err := m.refusals(name)
	if err != nil {
		return err
	}
	if _, ok := rs[digest]; !ok {
		return nil
	}
	delete(rs, digest)
	if len(rs) == 0 {
		m.st.Set(refusedKey(name), nil)
		return nil
	}
	m.st.Set(refusedKey(name), rs)
	return nil
}

// noteRefusals writes down what is left of every refusal, before a planned stop.
// The state is locked.
func (m *Manager) noteRefusals() {
	for _, key := range m.st.Keys("refused/") {
		name := key[len("refused/"):]
		rs, err := m.refusals(name)
		if err != nil {
			continue // it stays as it was last written
		}
		for d, r := range rs {
			r.Countdown = osutil.CountFrom(r.Rest())
			rs[d] = r
		}
		m.st.Set(key, rs)
	}
}

// refusedError is the answer to a refresh by hand of a refused digest.
func refusedError(name, target string, r refusal) error {
	msg := fmt.Sprintf("version %s (revision %d) was taken back before", r.Version, r.Revision)
	switch {
	case r.ByHand:
		msg = fmt.Sprintf("version %s (revision %d) was reverted by hand", r.Version, r.Revision)
	case r.Code != "":
		msg += " because of " + r.Code
	}
	return &api.Error{
		Kind:    api.ErrRefused,
		Message: fmt.Sprintf("package %q: %s and is refused", name, msg),
		Hint:    fmt.Sprintf("the story: pkgd why %s · once more: pkgd refresh --retry-refused %s", name, target),
	}
}
