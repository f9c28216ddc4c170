// Package system looks at pkgd as a real machine runs it: installed from its
// .deb, started by a booted systemd, its services units of their own. Its nouns:
// a bed is a systemd that boots over an overlay of this machine's disk, and can
// die and boot again; its rule is that nothing of it touches the machine's own
// init, and that it is gone when the test ends.
package system
