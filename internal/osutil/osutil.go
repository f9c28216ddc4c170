// Package osutil starts processes that cannot get away, and knows the kernel's
// ways of doing so. Its nouns: a [Spec] says what to start and in which bounds,
// a [Process] is what runs, with its whole tree of descendants, a [Cgroup] is
// the kernel's list of that tree, a [Ruleset] is what the tree may see of the
// file system, and a [Proc] is a line of /proc. Its rule is that a Process is
// done only when every descendant is gone and reaped, and that nothing is ever
// reaped but by its pid, for the rest belongs to os/exec.
package osutil
