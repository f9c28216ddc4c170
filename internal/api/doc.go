// Package api holds the shapes that travel between pkgd's programs: between the
// daemon and the admin's client over the admin socket, and between the daemon
// and ctl over the ctl socket.
//
// Its nouns are the ones of the design: a [Record] is what is known of one
// package's health, a [Check] is one part of it, a [Package] is a row of the
// list, a [Change] is a unit of work made of [Task] values, an [Outcome] says
// how a change ended for one package, and an [Error] is a refusal with a kind a
// program can test and a text a person can read.
//
// Its rule: every wire shape is written here once, imports nothing but the
// standard library, and only ever grows. Times are RFC 3339 with nanoseconds,
// durations are seconds as numbers, keys are kebab-case.
package api
