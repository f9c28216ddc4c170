// Package healthstate knows what packages say about themselves, and decides
// what follows.
//
// Its nouns: a [Status] is one word for how a package is; a [Pending] is what a
// running hook has said so far; an [Outcome] is what one run came to; a record
// (api.Record) is what is known of a package now and belongs to one revision; a
// transition is a line of its history; a [Snapshot] is all records with the
// host's level above them; a [Verdict] is what a refresh is judged by, and a
// [Decision] what follows from it. A [Target] is a package as it is to be asked,
// and the [Manager] asks: at rest by a schedule of its own, by hand, and within
// a change when that change says so.
//
// Its rules: a run at rest makes no change and no task, and writes nothing where
// nothing changed; one run at a time a package; readers get an immutable
// snapshot and meet neither lock nor disk; what a package says counts only for
// the revision that said it; a false green is worse than a red.
package healthstate
