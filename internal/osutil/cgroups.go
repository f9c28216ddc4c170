package osutil

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// controllers are the ones that Limits need.
var controllers = []string{"memory", "pids", "cpu"}

// daemonLeaf is the group of the daemon's own process, see moveAside.
const daemonLeaf = "daemon"

// Cgroups is the folder below which trees get groups of their own: cgroup v2.
type Cgroups struct {
	dir      string   // "" where groups cannot be made
	why      string   // why not
	bounding []string // controllers that work below dir
	missing  string   // why the others do not
}

// OpenCgroups looks for a place for cgroups, named after pkgd's root so that the
// next daemon on that root finds it again. It never fails: what cannot be done
// is said by Describe, and Make then gives nil.
func OpenCgroups(root string) *Cgroups {
	base, err := ownCgroup()
	if err != nil {
		return &Cgroups{why: err.Error()}
	}
	return openCgroupsIn(base, root, controllers)
}

func openCgroupsIn(base, root string, want []string) *Cgroups {
	sum := sha256.Sum256([]byte(root))
	name := "pkgd-" + hex.EncodeToString(sum[:6])
	// This process may be in its leaf already, see moveAside.
	base = strings.TrimSuffix(base, filepath.Join("/", name, daemonLeaf))
	c := &Cgroups{dir: filepath.Join(base, name)}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return &Cgroups{why: err.Error()}
	}
	if err := c.probe(); err != nil {
		_ = os.Remove(c.dir)
		return &Cgroups{why: err.Error()}
	}
	c.enable(base, want)
	return c
}

// ownCgroup is the folder of the cgroup v2 that this process is in.
func ownCgroup() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("cannot find the own cgroup: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return belowMount(path)
		}
	}
	return "", errors.New("cgroup v2 is not mounted")
}

// belowMount finds where the cgroup v2 file system shows path.
func belowMount(path string) (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("cannot read the mounts: %w", err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		before, after, _ := strings.Cut(sc.Text(), " - ")
		fields := strings.Fields(before)
		if len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		root, mount := fields[3], fields[4]
		if within(path, root) && !strings.Contains(path, "/..") {
			return filepath.Join(mount, strings.TrimPrefix(path, strings.TrimSuffix(root, "/"))), nil
		}
	}
	return "", errors.New("cgroup v2 is not mounted where this process could see its own group")
}

// probe finds out whether processes can be started into a group and killed by
// it: a program that does not exist gives ENOENT only after the kernel has made
// the process in the group.
func (c *Cgroups) probe() error {
	g, err := c.Make("probe-"+strconv.Itoa(os.Getpid()), Limits{})
	if err != nil {
		return err
	}
	defer g.Remove()
	if _, err := os.Stat(filepath.Join(g.path, "cgroup.kill")); err != nil {
		return errors.New("the kernel has no cgroup.kill (it came with 5.14)")
	}
	attr := &syscall.ProcAttr{Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.fd}}
	_, err = syscall.ForkExec("/proc/self/does-not-exist", []string{"probe"}, attr)
	if !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("cannot start a process into a cgroup: %w", err)
	}
	return nil
}

// enable turns on the controllers for the groups below, where base is ours to
// arrange: at the root of the hierarchy (the host's or a container's), and where
// systemd has delegated it.
func (c *Cgroups) enable(base string, want []string) {
	offered := offeredOf(want, base)
	if len(offered) == 0 {
		c.missing = "the kernel or the parent group offers none of " + strings.Join(want, ", ")
		return
	}
	if !atRoot(base) && !delegated(base) {
		c.missing = "the group " + base + " is not delegated to pkgd (systemd: Delegate=yes)"
		return
	}
	err := control(base, offered)
	if errors.Is(err, unix.EBUSY) {
		err = c.moveAside(base, offered)
	}
	if err == nil {
		err = control(c.dir, offered)
	}
	if err != nil {
		c.missing = err.Error()
		return
	}
	c.bounding = offered
}

// moveAside puts this process into a leaf, as a group with controllers on for
// its children may hold no process itself; and back, when others are there.
func (c *Cgroups) moveAside(base string, offered []string) error {
	leaf := filepath.Join(c.dir, daemonLeaf)
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	if err := writeSmall(filepath.Join(leaf, "cgroup.procs"), "0"); err != nil {
		return err
	}
	if err := control(base, offered); err != nil {
		_ = writeSmall(filepath.Join(base, "cgroup.procs"), "0")
		_ = os.Remove(leaf)
		return err
	}
	return nil
}

func offeredOf(want []string, dir string) []string {
	b, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	offered := strings.Fields(string(b))
	return slices.DeleteFunc(slices.Clone(want), func(c string) bool { return !slices.Contains(offered, c) })
}

func control(dir string, on []string) error {
	err := writeSmall(filepath.Join(dir, "cgroup.subtree_control"), "+"+strings.Join(on, " +"))
	if err != nil {
		return fmt.Errorf("cannot turn on the controllers of %s: %w", dir, err)
	}
	return nil
}

// atRoot is true for the root of the hierarchy that this process can see.
func atRoot(base string) bool {
	return unix.Access(filepath.Join(filepath.Dir(base), "cgroup.controllers"), unix.F_OK) != nil
}

// delegated looks for the mark that systemd leaves on a group that it gave away.
func delegated(base string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		var b [8]byte
		if n, err := unix.Getxattr(base, name, b[:]); err == nil && string(b[:n]) == "1" {
			return true
		}
	}
	return false
}

// Usable is true when groups can be made.
func (c *Cgroups) Usable() bool { return c != nil && c.dir != "" }

// Describe says in one line what is used and what the host does not offer.
func (c *Cgroups) Describe() string {
	if !c.Usable() {
		return "no cgroup (" + c.why + "): trees are followed by session and cookie, memory is limited for each process"
	}
	if len(c.bounding) == 0 {
		return "cgroup v2 at " + c.dir + " without limits (" + c.missing + "): memory is limited for each process"
	}
	return "cgroup v2 at " + c.dir + " with " + strings.Join(c.bounding, ", ")
}

// Unbounded says in words what of l cannot be held by a group; empty: nothing.
func (c *Cgroups) Unbounded(l Limits) string {
	var words []string
	for _, one := range []struct {
		asked      bool
		controller string
		words      string
	}{
		{l.Memory > 0, "memory", "memory (held for each process alone)"},
		{l.PIDs > 0, "pids", "tasks"},
		{l.CPUWeight > 0 || l.CPUPercent > 0, "cpu", "cpu"},
	} {
		if one.asked && (c == nil || !slices.Contains(c.bounding, one.controller)) {
			words = append(words, one.words)
		}
	}
	return strings.Join(words, ", ")
}

// Make makes the group name ("hooks/3", "services/web.server"), or opens it when
// somebody is in it. It is nil without an error where groups cannot be made.
func (c *Cgroups) Make(name string, l Limits) (*Cgroup, error) {
	if !c.Usable() {
		return nil, nil
	}
	path := filepath.Join(c.dir, name)
	_ = unix.Rmdir(path) // only an empty one: it may have been killed, see Cgroup.Kill
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a cgroup: %w", err)
	}
	if folder := filepath.Dir(path); folder != c.dir && len(c.bounding) > 0 {
		if err := control(folder, c.bounding); err != nil {
			return nil, err
		}
	}
	g, err := openCgroup(path, c.bounding)
	if err != nil {
		return nil, err
	}
	if err := g.SetLimits(l); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// Names lists the groups below folder ("services"), also an earlier daemon's.
func (c *Cgroups) Names(folder string) []string {
	if !c.Usable() {
		return nil
	}
	var names []string
	entries, _ := os.ReadDir(filepath.Join(c.dir, folder)) // none made yet
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	return names
}

// Close removes the folder as far as nothing is in it.
func (c *Cgroups) Close() {
	if !c.Usable() {
		return
	}
	for _, folder := range c.Names(".") {
		_ = os.Remove(filepath.Join(c.dir, folder)) // EBUSY: someone is in it
	}
	_ = os.Remove(c.dir)
}
