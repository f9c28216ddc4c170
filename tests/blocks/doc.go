// Package blocks records what a file system writes to its disk, and makes the
// disk once more as a power cut would have left it. Its nouns: a [Recorder] is a
// disk image that notes its writes and flushes, a [Window] is what was written
// between two flushes, a [Piece] is what a disk writes whole or not at all.
//
// Its rule is the one of disks: what was written before a flush is there after
// it; of what was written since, any part may be there, in any order.
package blocks
