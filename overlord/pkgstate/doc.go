// Package pkgstate knows what is installed on the host and how that changes.
//
// Its nouns: a package has revisions, one of which is current; a request
// (install, refresh, revert, remove, configure) becomes a change whose tasks run
// in the package's own lane; a setup is what those tasks need to know; a story
// is what they found out on the way (before, after, verdict, downtime) and
// becomes the answer of `pkgd why`; a refusal keeps bad content from coming back
// by itself; a question is what a person has to decide.
//
// Its rule: request.go builds task sets and leaves; every doX in the handlers is
// idempotent and stands beside the undoX that mirrors it; nothing of the old
// revision is given up before the verdict on the new one.
package pkgstate
