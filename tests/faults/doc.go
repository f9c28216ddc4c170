// Package faults lets the real daemon meet what a host can do to it: a disk that
// is full, fails or is cut off, no descriptors, no memory, a clock that jumps, a
// damaged state file. Its nouns: a world is a root on a disk of its own and the
// daemon that runs there, a gate stands between the daemon and the kernel and
// makes system calls fail, a finding is a row of the table that a run prints.
// Its rule is that after every fault, once it is gone, the host is in exactly
// the old or the new state, and that nothing was called well meanwhile that was
// not. It runs as root and only with -faults.
package faults
