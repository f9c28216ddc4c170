// Package state is pkgd's engine and its memory. A [Change] is a goal made of
// [Task]s; a task is done by a handler and, when something later fails, undone
// by its mirror; lanes say which tasks stand and fall together; a [TaskRunner]
// runs what can run. The [State] holds all of it, and the entities, journals
// and warnings of the rooms above, behind one lock. The rule: memory is the
// truth while pkgd runs, the file is the truth after a crash, and Unlock is
// where the first becomes the second: it returns once what changed under the
// lock is durable, at a cost that depends on what changed and not on what
// exists. Nobody holds the lock while the disk works, a handler starts only
// when its intent (Doing or Undoing) is on disk, and what was under way when
// pkgd died is run again. The package knows nothing of packages.
package state
