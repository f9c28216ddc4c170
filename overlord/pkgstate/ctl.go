package pkgstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/confdoc"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/snapctl/ctlcmd"
)

// maxHookHold is how long a package may hold its own refreshes (design §2).
const maxHookHold = 48 * time.Hour

// ctlBackend is what ctl commands act on.
type ctlBackend struct{ m *Manager }

// Ctl is the manager as ctl's commands see it.
func (m *Manager) Ctl() ctlcmd.Backend { return ctlBackend{m} }

func (b ctlBackend) Version() string { return b.m.version }

func (b ctlBackend) Health(pkg string) api.Record {
	rec, _ := b.m.health.Record(pkg)
	return rec
}

// Config sees what the run itself has set and not yet committed.
func (b ctlBackend) Config(c *hookrunner.Context, key string) (json.RawMessage, bool, error) {
	doc, err := b.document(c)
	if err != nil {
		return nil, false, err
	}
	if c.Ephemeral() {
		if doc, err = confdoc.Patch(doc, pendingConfig(c)); err != nil {
			return nil, false, err
		}
	}
	return confdoc.Get(doc, key)
}

func (b ctlBackend) document(c *hookrunner.Context) (json.RawMessage, error) {
	b.m.st.Lock()
	defer b.m.st.Unlock()
	return b.m.config(c.Package(), c.Revision())
}

// SetConfig keeps a hook's values until it succeeds; an app's count at once. A
// patch that does not fit the document is refused now, not at the commit.
func (b ctlBackend) SetConfig(c *hookrunner.Context, patch map[string]json.RawMessage) error {
	doc, err := b.document(c)
	if err != nil {
		return err
	}
	if c.Ephemeral() {
		if doc, err = confdoc.Patch(doc, pendingConfig(c)); err != nil {
			return err
		}
	}
	if _, err := confdoc.Patch(doc, patch); err != nil {
		return err
	}
	if c.Ephemeral() {
		return setPending(c, patch)
	}
	return b.m.commitConfig(c.Package(), c.Revision(), patch)
}

func (b ctlBackend) Services(_ context.Context, pkg string) ([]api.Service, error) {
	return b.m.Services([]string{pkg})
}

// ServiceAction is carried out at once and not as a change: the hook that asks
// may itself be part of a change on the same package.
func (b ctlBackend) ServiceAction(ctx context.Context, c *hookrunner.Context, action string, names []string, enable, disable bool) error {
	b.m.st.Lock()
	p, err := loadPackage(b.m.st, c.Package())
	if err == nil && p.Revisions[c.Revision()] == nil {
		err = fmt.Errorf("revision %d of %q is not on this host any more", c.Revision(), c.Package())
	}
	b.m.st.Unlock()
	if err != nil {
		return err
	}
	known := p.Revisions[c.Revision()].serviceNames()
	if len(names) == 0 {
		names = known
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("package %q has no service %q; it has: %v", p.Name, n, known)
		}
	}
	return b.m.commandServices(ctx, nil, p.Name, c.Revision(), serviceCommand{Action: action, Names: names, Enable: enable, Disable: disable})
}

func (r *revision) serviceNames() []string {
	var names []string
	for _, svc := range r.Info.Services {
		names = append(names, svc.Name)
	}
	return names
}

func (b ctlBackend) SetHealth(c *hookrunner.Context, status, code, message string, blockers []string) (string, error) {
	if c.Ephemeral() {
		return healthstate.SetHealth(c, status, code, message, blockers)
	}
	return b.m.health.SetApp(c, status, code, message, blockers)
}

func (b ctlBackend) AddCheck(c *hookrunner.Context, name, health, message string, qos *float64, data map[string]string) error {
	if c.Ephemeral() {
		return healthstate.AddCheck(c, name, health, message, qos, data)
	}
	return b.m.health.AddAppCheck(c, name, health, message, qos, data)
}

// RefreshPending answers in the shape snapd's hooks read: "pending: ready" with
// the version, or "pending: none".
func (b ctlBackend) RefreshPending(pkg string) (string, error) {
	b.m.st.Lock()
	p, err := b.m.loadInstalled(pkg)
	b.m.st.Unlock()
	if err != nil {
		return "", err
	}
	entry, err := b.m.findInStores(context.Background(), pkg, p.Channel, false)
	if err != nil {
		if apiErr := (*api.Error)(nil); errors.As(err, &apiErr) {
			return "pending: none\n", nil
		}
		return "", err
	}
	s, err := b.m.setupOf(entry, p.Channel)
	if err != nil || s.Digest == p.digest(p.Current) {
		return "pending: none\n", err
	}
	return fmt.Sprintf("pending: ready\nchannel: %s\nversion: %s\n", entry.Channel, entry.Version), nil
}

func (b ctlBackend) RefreshHold(c *hookrunner.Context, d time.Duration) error {
	if d <= 0 || d > maxHookHold {
		d = maxHookHold
	}
	return b.m.changeHold(c.Package(), func(p *packageState) error {
		if p.Hold != nil && p.Hold.By == "admin" && p.Hold.active() {
			return nil // the admin's hold is at least as good
		}
		p.Hold = newHold(d, "hook")
		return nil
	})
}

func (b ctlBackend) RefreshProceed(c *hookrunner.Context) error {
	return b.m.changeHold(c.Package(), func(p *packageState) error {
		if p.Hold != nil && p.Hold.By == "admin" && p.Hold.active() {
			return errors.New("the refresh is held by an admin; only pkgd unhold ends that")
		}
		p.Hold = nil
		return nil
	})
}

func (m *Manager) changeHold(name string, f func(*packageState) error) error {
	m.st.Lock()
	defer m.st.Unlock()
	p, err := m.loadInstalled(name)
	if err != nil {
		return err
	}
	if err := f(p); err != nil {
		return err
	}
	m.save(p)
	return nil
}

// uidOf is the user id that processes of a manifest's user have; one that
// cannot be found is nobody's, so that its cookie serves none.
func (m *Manager) uidOf(user string) uint32 {
	if user == "" {
		return uint32(os.Geteuid())
	}
	u, err := osutil.LookupUser(user)
	if err != nil {
		return nobody
	}
	return u.UID
}

// nobody is the overflow user id, which no process of a package has.
const nobody = 65534
