// Package crash kills pkgd and looks at what the next pkgd makes of that. Its
// nouns: a deed is what an admin asks for, a death is the number of the step at
// which the daemon is killed (a step is a write to the disk that it waits for),
// a host is a root with the package web on it, and a view is all that can be
// seen of a host.
//
// Its rule: deaths are counted up until a run survives, so that none is left
// out, and after each the view is exactly that of before the deed, or that of
// after it. Then something else is done with the package, and has to succeed.
//
// -every-call dies at every call that changes the disk, -pairs twice in a row
// after every first step, and three times in a verdict's window; -table says
// where the table belongs. ./run-checks --faults gives all of them.
package crash
