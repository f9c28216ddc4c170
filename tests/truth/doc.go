// Package truth lets random histories happen to a real pkgd and to a model of
// what the design promises, and compares the two after every deed.
//
// Its nouns: a deed is one thing that an admin, a package, a death or time does;
// a history is some of them in a row; the model is the design in a few hundred
// lines, and knows nothing of pkgd's own tables; a world is a root with the
// daemon on it. Its rule is that every history which once told the two apart
// stays as a named test, as short as it could be made.
package truth
