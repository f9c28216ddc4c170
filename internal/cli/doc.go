// Package cli is what an admin types. Its nouns: a command is one word after
// pkgd, with its options, arguments and the text that explains it, all in one
// file; the model is all commands together, from which parsing, help, completion,
// man pages and the reference are made; an answer is what a command prints on
// stdout, in text, JSON or YAML; the story is what it tells on stderr while it
// works; a failure is an error with what to do next and an exit code.
//
// Its rule: a command asks the daemon and lays out what it hears. What things
// mean (verdicts, rules, who may do what) is decided elsewhere, so that the same
// words reach every other client.
package cli
