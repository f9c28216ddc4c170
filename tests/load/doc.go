// Package load gives a real pkgd more to do than a host ever should: a thousand
// packages, hundreds of changes at once, thousands of ctl calls a second. Its noun
// is the [row] of the table that it fills. Its rule: it asserts what no machine may
// get wrong (nothing lost, nobody preferred, nothing left behind) and only tells
// how fast this one was.
package load
