// Package remote asks other hosts by the system's own ssh. Its nouns: a host is
// what ssh takes as a destination; a command is the words of a program to run
// there; an answer is what came back of one host, or why nothing did.
//
// Its rule: asking is bounded in every way. So many hosts at once, so long a
// host, so many bytes of an answer; nobody is asked a question (no password, no
// unknown key), and nothing that a host is called or answers becomes an option
// of ssh or a word for a shell. What an answer means is for the caller.
package remote
