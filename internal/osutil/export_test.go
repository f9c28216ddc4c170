package osutil

// OpenCgroupsIn is OpenCgroups for a process that is in the group base, with other
// controllers than Limits need.
func OpenCgroupsIn(base, root string, want ...string) *Cgroups {
	return openCgroupsIn(base, root, want)
}

// OwnCgroup is the folder of this process's group.
func OwnCgroup() (string, error) { return ownCgroup() }

// FakeGroup is a group in a folder of plain files, bound by all controllers.
func FakeGroup(path string) (*Cgroup, error) { return openCgroup(path, controllers) }

// ParseStat reads a line of /proc/PID/stat.
func ParseStat(pid int, b []byte) (Proc, error) { return parseStat(pid, b) }

// WithoutVfork has programs started as where vfork cannot be used, until restore.
func WithoutVfork() (restore func()) {
	can := canSpawn
	canSpawn = func() bool { return false }
	return func() { canSpawn = can }
}

// CanVfork says whether vfork is used here.
func CanVfork() bool { return canSpawn() }
