// Package public answers whoever already watches a machine: probes, load
// balancers, monitoring and people with a browser, over TCP and unix sockets.
//
// Its nouns: the [Server] has any number of places, one for each listener of the
// configuration, with its own rules for who may ask and what they learn; a
// condition is one thing that pkgd needs to do its work; a probe looks after one
// of those in the background; a moment is a snapshot of all packages' health
// with the answers that were made of it.
//
// Its rule: to answer a request nothing is waited for. No hook runs, no disk is
// touched and no lock of the rooms below is taken; what must be looked at is
// looked at beforehand, by probes, each with its own time-out. Liveness is the
// daemon's loop alone; readiness is what pkgd needs; health is the packages'.
package public
