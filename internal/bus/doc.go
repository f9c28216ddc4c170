// Package bus offers the health of packages on D-Bus, as io.pkgd.Manager1.
//
// Its nouns: the [Bus] keeps a connection up and owns the name; an object is
// what has properties there: the manager, at /io/pkgd/Manager1, with the host's
// health, and each package, at /io/pkgd/packages/NAME, with its own; a session
// is one connection from its beginning to its end.
//
// Its rule: the bus is a listener like others and may be missing, hung or gone at
// any time without anybody waiting for it. What happens goes into a queue of
// bounded length; a signal may be lost, so signals are hints and the properties
// are the truth. Nothing can be changed over the bus.
package bus
