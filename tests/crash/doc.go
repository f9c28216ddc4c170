// Package crash kills pkgd at every step that a task takes and looks at what the
// next pkgd makes of it. Its nouns: a death is the number of the step at which
// the daemon kills itself with SIGKILL, a world is a root on which a package is
// installed; its rule is that deaths are counted up until a run survives, so
// that none is left out.
package crash
