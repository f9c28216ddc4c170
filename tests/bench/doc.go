// Command bench measures the figures that pkgd is held to and prints each beside
// its baseline: the least that the same could cost on this machine, measured in
// the same minutes.
//
// A [figure] is one such number. A [measure] is a function that fills a few of
// them, in rounds: in every round pkgd and the baseline have their turn, so that
// both meet the same noise and their ratio can be trusted where their times
// cannot. A [house] is a root with packages on it and the real daemon, started
// from the real binary. A role is what this program does when it is started by
// itself: the bare loop, the stub of a daemon, that pkgd is compared with.
//
// Its rule: a figure that misses its goal is printed as missed and fails
// nothing, as a time says as much of the machine as of pkgd. What can be counted
// (commits, bytes, wake-ups) is held by this package's tests.
package main
