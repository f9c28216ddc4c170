package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
)

// The buckets of the file.
const (
	metaBucket    = "meta"
	entityBucket  = "entities"
	changeBucket  = "changes"
	taskBucket    = "tasks"
	warningBucket = "warnings"
	journalBucket = "journals"
	blobBucket    = "blobs"
)

var allBuckets = []string{metaBucket, entityBucket, changeBucket, taskBucket, warningBucket, journalBucket, blobBucket}

// slot is one key of one bucket.
type slot struct{ bucket, key string }

// batch is what one commit writes; a nil value deletes. Later values of a slot
// replace earlier ones, so that merging batches in order keeps the order.
type batch map[slot][]byte

// under adds the slots of older that b does not have.
func (b batch) under(older batch) {
	for k, v := range older {
		if _, ok := b[k]; !ok {
			b[k] = v
		}
	}
}

// over replaces slots of b by those of newer.
func (b batch) over(newer batch) {
	for k, v := range newer {
		b[k] = v
	}
}

// record is something in memory that has a slot of its own on disk.
type record interface {
	slot() slot
	encode() []byte // nil: delete
}

// idKey sorts as numbers do, so that new records are neighbours on disk and a
// commit touches few pages.
func idKey(id string) string {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("internal error: id %q is not a number", id))
	}
	return string(binary.BigEndian.AppendUint64(nil, n))
}

func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("internal error: cannot marshal a record: %v", err))
	}
	return b
}

// counters remember the last numbers given out, which pruning must not reset.
type counters struct {
	Change int `json:"change"`
	Task   int `json:"task"`
	Lane   int `json:"lane"`
}

func (c *counters) slot() slot     { return slot{metaBucket, "counters"} }
func (c *counters) encode() []byte { return mustMarshal(c) }
