// Package strictyaml reads the YAML files that people write for pkgd, and tells
// them of everything that is wrong at once.
//
// Its nouns: a [Problem] is one thing that is wrong, with file, line, column and
// what would have been accepted; [Problems] is all of them, and an error; a
// [Reader] walks the nodes of one document and gathers problems. Its rule: what
// is written is either understood or refused; nothing is passed over, nothing is
// guessed, and no file can make the reader work for long (no anchors and
// aliases, one document, a bounded size).
package strictyaml
