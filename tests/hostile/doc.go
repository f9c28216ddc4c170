// Package hostile plays who means harm to a real pkgd: local users at its sockets,
// strangers at its public listener, and packages. Its nouns are [class], somebody
// who asks, an attack, and a try, what a package's process may not succeed in. Its
// rule is that harm is told by what others get, never by how long it takes them.
package hostile
