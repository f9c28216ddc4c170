// Package servicetest holds what every [service.Manager] must do, as one suite
// of tests with real processes.
//
// Its nouns: a [Maker] makes a manager on a root of its own; a house is one
// test's manager with a package's folders and a journal, a FIFO into which
// services write and from which the test reads. Its rule is that a test waits
// for what a service says, never for time.
package servicetest
