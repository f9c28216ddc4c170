// Package faults lets the real daemon meet what a host can do to it: a disk that
// is full, fails or is cut off, no descriptors, no memory, a clock that jumps, a
// damaged state file. Its nouns: a world is a root on a disk of its own and the
// daemon that runs there, a gate stands between the daemon and the kernel and
// makes system calls fail, a finding is a row of the table that a run prints.
// Its rule is that after every fault, once it is gone, the host is in exactly
// the old or the new state, and that nothing was called well meanwhile that was
// not. It runs as root and only with -faults.
//
// More than ./run-checks --faults asks for: -reordered says how many parts of
// what was written between two flushes a power cut leaves, -seed chooses others,
// and -second=1 cuts the power at every flush of the recovery from a cut, on
// btrfs too, where it is every sixth on ext4 and xfs.
package faults
