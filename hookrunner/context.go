package hookrunner

import (
	"errors"
	"strings"
	"sync"
)

// Phase says when check-health was asked; it is empty for the other hooks.
type Phase string

// The phases of design §6, as PKG_HEALTH_PHASE carries them.
const (
	PhaseBefore Phase = "before" // in a refresh, the old revision
	PhaseAfter  Phase = "after"  // in a refresh, the new revision
	PhaseRest   Phase = "rest"   // every few minutes
	PhaseManual Phase = "manual" // pkgd check
)

// ErrContextClosed is what Update gives once the run or the service has ended:
// what arrives later no longer counts.
var ErrContextClosed = errors.New("the run that this cookie belonged to has ended")

// Values is what the rooms above keep with one run: health set and not yet in
// force, configuration not yet committed. It is private to the run.
type Values map[string]any

// Spec says who will speak with a cookie.
type Spec struct {
	Package   string
	Revision  int
	Hook      string // of a hook run
	App       string // of a service or an app
	Phase     Phase
	UID       uint32 // the only user whose process may use the cookie
	Ephemeral bool   // a hook run: what it sets takes effect at its end
}

// Context is one speaker on the ctl socket: a hook run, a service or an app. It
// carries what the run has said so far.
type Context struct {
	spec   Spec
	hash   string
	forget func(hash string)

	// mu guards what follows, and is held while a function given to Update or
	// View runs: two ctl calls of one run never interleave.
	mu     sync.Mutex
	values Values
	cookie string // for the environment of its runs; empty when only the hash is known
	closed bool
}

// Package is the name of the package that speaks.
func (c *Context) Package() string { return c.spec.Package }

// Revision is the revision of the package that speaks.
func (c *Context) Revision() int { return c.spec.Revision }

// Hook is the hook's name, "health.d/x" for a plug-in, empty for an app.
func (c *Context) Hook() string { return c.spec.Hook }

// Plugin tells an executable of meta/health.d.
func (c *Context) Plugin() bool { return strings.HasPrefix(c.spec.Hook, pluginPrefix) }

// App is the name of the service or app, empty for a hook.
func (c *Context) App() string { return c.spec.App }

// Phase says when check-health was asked.
func (c *Context) Phase() Phase { return c.spec.Phase }

// UID is the user whose processes may use the cookie.
func (c *Context) UID() uint32 { return c.spec.UID }

// Ephemeral is true for a hook run, false for a service or an app.
func (c *Context) Ephemeral() bool { return c.spec.Ephemeral }

// Update lets f change the run's values, and returns its error. Calls are
// serialised; after Close it returns ErrContextClosed and f is not called. What f
// changed before an error stays: check first, then change.
func (c *Context) Update(f func(v Values) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrContextClosed
	}
	return f(c.values)
}

// View lets f read the run's values, also after Close: what a run said is read
// when nobody can add to it any more. f must not change v nor keep it.
func (c *Context) View(f func(v Values)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.values)
}

// Close ends the cookie: no call can be made with it any more, and a call that
// had already been let in can change nothing. Closing twice is harmless.
func (c *Context) Close() {
	c.mu.Lock()
	closed := c.closed
	c.closed, c.cookie = true, ""
	c.mu.Unlock()
	if !closed && c.forget != nil {
		c.forget(c.hash)
	}
}

func (c *Context) secret() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cookie
}
