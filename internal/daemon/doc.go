// Package daemon is pkgd as others meet it: the admin socket with its API, and
// the ctl socket that hooks and services speak to.
//
// Its nouns are [Daemon], which listens and serves; a route, one line of the
// table in routes.go, that says who may ask what; and an answer, what a handler
// gives back. What is asked is carried out by the rooms below, which [Options]
// names as small interfaces.
//
// Its rule: who is asking comes from the kernel and never from what was said,
// and a handler only translates. It holds no lock and no state of its own, and
// ends when its client goes or the daemon stops.
package daemon
