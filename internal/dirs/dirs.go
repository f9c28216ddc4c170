// Package dirs knows where pkgd keeps things. Its one noun is [Dirs], a value
// that is handed down; its rule is that no other package joins a path below the
// root by itself and that nothing here is global.
package dirs

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// MaxSocketPath is how long the path of a unix socket may be, in bytes, on
// Linux (sun_path less its final zero).
const MaxSocketPath = 107

// Dirs is a pkgd's place in the file system: everything under Root.
type Dirs struct {
	Root string // absolute; "/" on a real host
}

// New gives the places under root, or an error when a socket there would have a
// path that the kernel does not take.
func New(root string) (Dirs, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return Dirs{}, fmt.Errorf("cannot find root %q: %w", root, err)
	}
	d := Dirs{Root: abs}
	if s := d.AdminSocket(); len(s) > MaxSocketPath {
		return Dirs{}, fmt.Errorf("root %q is too long: the socket's path would have %d bytes, the kernel takes %d; choose a shorter --root", abs, len(s), MaxSocketPath)
	}
	return d, nil
}

func (d Dirs) at(parts ...string) string {
	return filepath.Join(append([]string{d.Root}, parts...)...)
}

// Run is the folder of what lives only while pkgd runs.
func (d Dirs) Run() string { return d.at("run/pkgd") }

// AdminSocket is where the admin's client connects.
func (d Dirs) AdminSocket() string { return d.at("run/pkgd/pkgd.socket") }

// CtlSocket is where ctl connects.
func (d Dirs) CtlSocket() string { return d.at("run/pkgd/ctl.socket") }

// RunBin holds the links ctl and snapctl, first in a hook's PATH.
func (d Dirs) RunBin() string { return d.at("run/pkgd/bin") }

// RunCookies holds the cookie files of services, 0600 each.
func (d Dirs) RunCookies() string { return d.at("run/pkgd/cookies") }

// RunServices holds the embedded supervisor's records of what it started.
func (d Dirs) RunServices() string { return d.at("run/pkgd/services") }

// RunTmp holds each package's private TMPDIR.
func (d Dirs) RunTmp() string { return d.at("run/pkgd/tmp") }

// Tmp is one package's private TMPDIR.
func (d Dirs) Tmp(name string) string { return d.at("run/pkgd/tmp", name) }

// Config is the daemon's configuration file.
func (d Dirs) Config() string { return d.at("etc/pkgd/pkgd.yaml") }

// Lib is pkgd's own state.
func (d Dirs) Lib() string { return d.at("var/lib/pkgd") }

// State is the store's file.
func (d Dirs) State() string { return d.at("var/lib/pkgd/state.db") }

// StateBackup is the last good copy of the store's file.
func (d Dirs) StateBackup() string { return d.at("var/lib/pkgd/state.db.backup") }

// Lock is the file whose lock makes a daemon the only one on this root.
func (d Dirs) Lock() string { return d.at("var/lib/pkgd/lock") }

// Packages is the folder of all revisions.
func (d Dirs) Packages() string { return d.at("var/lib/pkgd/packages") }

// Package is the folder of one package's revisions.
func (d Dirs) Package(name string) string { return d.at("var/lib/pkgd/packages", name) }

// Revision is one revision's read-only tree.
func (d Dirs) Revision(name string, rev int) string {
	return d.at("var/lib/pkgd/packages", name, strconv.Itoa(rev))
}

// Current is the link to the revision that runs.
func (d Dirs) Current(name string) string { return d.at("var/lib/pkgd/packages", name, "current") }

// Data is the folder of one package's data.
func (d Dirs) Data(name string) string { return d.at("var/lib/pkgd/data", name) }

// DataRevision is the data of one revision. Packages with data.versioned false
// use revision 0 for all of them; see pkgstate.
func (d Dirs) DataRevision(name string, rev int) string {
	return d.at("var/lib/pkgd/data", name, strconv.Itoa(rev))
}

// DataCommon is the data that all revisions of a package share.
func (d Dirs) DataCommon(name string) string { return d.at("var/lib/pkgd/data", name, "common") }

// RevertedData is where a revert sets aside what the bad revision wrote.
func (d Dirs) RevertedData() string { return d.at("var/lib/pkgd/reverted-data") }

// Cache is the folder of what can be fetched again.
func (d Dirs) Cache() string { return d.at("var/cache/pkgd") }

// Staging holds content on its way in: private copies, not yet verified.
func (d Dirs) Staging() string { return d.at("var/cache/pkgd/staging") }

// Logs is the folder of the embedded supervisor's per-service logs.
func (d Dirs) Logs() string { return d.at("var/log/pkgd") }
