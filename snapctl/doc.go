// Package snapctl is the client's half of the conversation between a package's
// hooks, services and apps and pkgd: what cmd/ctl is made of. Its nouns are the
// [Command], a word that ctl understands, the [Request] that carries one line of
// words to the daemon with the caller's cookie, and the [Response] that says what
// to print and how to exit. The daemon's half is package ctlcmd.
//
// Its rule: a hook may call ctl a dozen times a run, so a call costs next to
// nothing beyond the start of a process. Everything here is built on system calls
// and strings; net, net/http, encoding/json and fmt are not linked. Which words
// mean what is decided by the daemon; this half only carries them.
package snapctl
