package hookrunner

import "pkgd.io/pkgd/internal/osutil"

// WithoutCgroups makes r follow trees by session and cookie.
func (r *Runner) WithoutCgroups() { r.slots = newSlots(&osutil.Cgroups{}) }

// UsesCgroups is false where the host has none to test.
func (r *Runner) UsesCgroups() bool { return r.cgroups.Usable() }
