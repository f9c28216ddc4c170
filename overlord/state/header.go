package state

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"

	bolt "go.etcd.io/bbolt"
)

// bbolt has two headers and writes them in turn. When the newer one is damaged
// it goes on with the older one, as after a power cut in the middle of writing
// it, and what was committed last is gone without a word. A header lies within
// one sector of the disk, which is written whole or not at all: one that is
// damaged was not cut short.

// Where a header begins in its page, and how many bytes of it come before its
// checksum.
const (
	headerAt   = 16
	headerSize = 56
)

var errHeader = errors.New("one of its two headers is damaged, and what was written last may be lost")

// checkHeaders looks at both headers of a file that bbolt has opened.
func checkHeaders(db *bolt.DB) error {
	f, err := os.Open(db.Path())
	if err != nil {
		return err
	}
	defer f.Close()
	for page := range int64(2) {
		var header [headerSize + 8]byte
		if _, err := f.ReadAt(header[:], page*int64(db.Info().PageSize)+headerAt); err != nil {
			return err
		}
		sum := fnv.New64a()
		sum.Write(header[:headerSize])
		if sum.Sum64() != binary.NativeEndian.Uint64(header[headerSize:]) {
			return errHeader
		}
	}
	return nil
}
