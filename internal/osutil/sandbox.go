package osutil

import "pkgd.io/pkgd/internal/dirs"

// Sandbox says what a package's processes may see of the file system: the
// system's programs and configuration to read, their own tree to read, their own
// data to write; not pkgd's state, nor another package.
type Sandbox struct {
	Dirs     dirs.Dirs
	Root     string   // the revision's tree
	Writable []string // data, common, tmp
	Ctl      string   // the ctl program's real file; "" for none
}

// Ruleset makes the kernel's form of it: nil without an error where the kernel
// has no Landlock (see LandlockABI).
func (s Sandbox) Ruleset() (*Ruleset, error) { return nil, nil }

// LandlockABI is the kernel's Landlock version, 0 for none.
func LandlockABI() int { return 0 }
