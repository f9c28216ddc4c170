package osutil

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/dirs"
)

// systemFolders may be read and executed from. Not among them: /home, /root,
// /srv, /tmp and /var, where people and programs keep what is theirs.
var systemFolders = []string{
	"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/opt",
	"/nix/store", "/gnu/store", "/etc", "/proc", "/sys",
	// Where /etc/resolv.conf and its like lead.
	"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/run/connman", "/run/current-system", "/run/nscd",
}

// devices may be read and written.
var devices = []string{
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	"/dev/tty", "/dev/ptmx", "/dev/pts",
}

// Sandbox says what a package's processes may see of the file system: the
// system's programs and configuration to read, their own tree to read, their own
// data to write; not pkgd's state, nor another package.
//
// Landlock can only allow. Where pkgd's own folders lie inside one of the
// system's (etc/pkgd under the root "/"), that folder is therefore allowed entry
// by entry, and what is put there later is unseen until the next start of a
// process.
type Sandbox struct {
	Dirs     dirs.Dirs
	Root     string   // the revision's tree
	Writable []string // data (first), common, tmp
	Ctl      string   // the ctl program's real file; "" for none

	// OwnSignals keeps signals to the processes that descend from the confined
	// one, where LandlockSignals: same user or not, it cannot stop the daemon.
	OwnSignals bool
}

// Ruleset makes the kernel's form of it: nil without an error where the kernel
// has no Landlock (see LandlockABI).
func (s Sandbox) Ruleset() (*Ruleset, error) {
	if LandlockABI() == 0 {
		return nil, nil
	}
	r, err := newRuleset(s.OwnSignals)
	if err != nil {
		return nil, err
	}
	if err := s.fill(r); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (s Sandbox) fill(r *Ruleset) error {
	var errs []error
	for _, path := range s.readable() {
		errs = append(errs, r.allow(path, accessRead))
	}
	for _, path := range devices {
		errs = append(errs, r.allow(path, accessDevice))
	}
	for _, path := range s.Writable {
		errs = append(errs, r.allow(path, accessWrite))
	}
	return errors.Join(errs...)
}

// readable is every file and folder to read and execute.
func (s Sandbox) readable() []string {
	closed := s.closed()
	paths := []string{s.Root, s.Dirs.RunBin()}
	if s.Ctl != "" {
		paths = append(paths, s.Ctl)
	}
	var seen []string
	for _, folder := range systemFolders {
		real, err := filepath.EvalSymlinks(folder)
		if err != nil || slices.ContainsFunc(seen, func(s string) bool { return within(real, s) }) {
			continue // not on this host, or /bin leads into /usr
		}
		seen = append(seen, real)
		paths = append(paths, except(real, closed)...)
	}
	return paths
}

// closed are pkgd's own folders, by their real paths.
func (s Sandbox) closed() []string {
	d := s.Dirs
	folders := []string{filepath.Dir(d.Config()), d.Lib(), d.Run(), d.Cache(), d.Logs()}
	for i, folder := range folders {
		folders[i] = realPath(folder)
	}
	return folders
}

// realPath resolves links in the part of path that exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir, base := filepath.Split(strings.TrimSuffix(path, "/"))
	if base == "" {
		return path
	}
	return filepath.Join(realPath(dir), base)
}

// except gives folder, or, where something closed lies inside it, all of its
// entries but that.
func except(folder string, closed []string) []string {
	if slices.ContainsFunc(closed, func(c string) bool { return within(folder, c) }) {
		return nil
	}
	if !holdsClosed(folder, closed) {
		return []string{folder}
	}
	entries, _ := os.ReadDir(folder) // unreadable: nothing to allow
	var paths []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if e.IsDir() {
			paths = append(paths, except(path, closed)...)
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err != nil || leadsInto(real, closed) {
			continue
		}
		paths = append(paths, path)
	}
	return paths
}

func holdsClosed(folder string, closed []string) bool {
	return slices.ContainsFunc(closed, func(c string) bool { return within(c, folder) })
}

func leadsInto(path string, closed []string) bool {
	return holdsClosed(path, closed) ||
		slices.ContainsFunc(closed, func(c string) bool { return within(path, c) })
}

// within says whether path is folder or lies beneath it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// Stamp changes when a ruleset made earlier no longer says the same: rules belong
// to inodes (which a ruleset keeps from being given to another file), and the
// tree and the data are replaced by a refresh, a revert or a purge. The other
// folders are replaced only together with these, or by a new daemon.
func (s Sandbox) Stamp() uint64 {
	stamp := fileStamp(14695981039346656037, s.Root, false)
	if len(s.Writable) > 0 {
		stamp = fileStamp(stamp, s.Writable[0], false)
	}
	if s.Dirs.Root == "/" {
		stamp = fileStamp(stamp, filepath.Dir(filepath.Dir(s.Dirs.Config())), true)
	}
	return stamp
}

// fileStamp mixes a file's identity into stamp (FNV-1a, a word at a time); what is
// missing counts too.
func fileStamp(stamp uint64, path string, withTime bool) uint64 {
	var st unix.Stat_t
	_ = unix.Stat(path, &st) // missing: zeros
	words := [...]uint64{st.Ino, uint64(st.Dev), 0}
	if withTime {
		words[2] = uint64(st.Mtim.Nano())
	}
	for _, w := range words {
		stamp = (stamp ^ w) * 1099511628211
	}
	return stamp
}
