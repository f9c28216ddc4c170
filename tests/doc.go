// Package tests looks at pkgd from outside: real programs, real sockets, real
// hooks. Its nouns are scripts, one page each in scripts/, which read as a story
// with the package inside; its rule is that they know nothing but what a user
// knows.
package tests
