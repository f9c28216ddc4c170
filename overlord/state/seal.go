package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

// A disk can give back other bytes than it was given. bbolt keeps a checksum of
// its headers only, and a value with a flipped bit may still be JSON: so each
// value lies in the file with a seal behind it, and beside all values lies, for
// each bucket, the sum of their seals, which tells when one is missing.

// sealSize is how many bytes of a value in the file are its seal.
const sealSize = 4

// sealedLevel is the first format level whose values have seals.
const sealedLevel = 2

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errSeal    = errors.New("its checksum is wrong")
	sumsSlot   = slot{metaBucket, "sums"}
)

// sealed tells whether a slot's value has a seal; what has to be read before the
// format is known has none.
func (k slot) sealed() bool { return k != levelSlot && k != uncleanSlot }

// summed tells whether a slot's seal is part of its bucket's sum.
func (k slot) summed() bool { return k.sealed() && k != sumsSlot }

// seal is v as it lies in the file under k: a value that ends up under another
// key does not fit there.
func seal(k slot, v []byte) []byte {
	if !k.sealed() {
		return v
	}
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(v)+sealSize), v...), checksum(k, v))
}

func checksum(k slot, v []byte) uint32 {
	sum := crc32.Checksum([]byte(k.bucket+"\x00"+k.key), castagnoli)
	return crc32.Update(sum, castagnoli, v)
}

// unseal gives the value of what lies in the file under k, which is not copied;
// nil of nothing.
func unseal(k slot, raw []byte) ([]byte, error) {
	if raw == nil || !k.sealed() {
		return raw, nil
	}
	if len(raw) < sealSize {
		return nil, fmt.Errorf("%s %q: %w", k.bucket, k.key, errSeal)
	}
	v := raw[: len(raw)-sealSize : len(raw)-sealSize]
	if sealOf(raw) != uint64(checksum(k, v)) {
		return nil, fmt.Errorf("%s %q: %w", k.bucket, k.key, errSeal)
	}
	return v, nil
}

func sealOf(raw []byte) uint64 {
	if len(raw) < sealSize {
		return 0
	}
	return uint64(binary.BigEndian.Uint32(raw[len(raw)-sealSize:]))
}

// getSealed reads a slot within a transaction; what it gives is not a copy.
func getSealed(tx *bolt.Tx, k slot) ([]byte, error) {
	b, err := bucketOf(tx, k.bucket)
	if err != nil {
		return nil, err
	}
	return unseal(k, b.Get([]byte(k.key)))
}

// bucketOf finds what every file has.
func bucketOf(tx *bolt.Tx, name string) (*bolt.Bucket, error) {
	if b := tx.Bucket([]byte(name)); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("its part %q is missing", name)
}

// sums are the sums of seals by bucket.
type sums map[string]uint64

func readSums(tx *bolt.Tx) (sums, error) {
	s := sums{}
	raw, err := getSealed(tx, sumsSlot)
	if err != nil || raw == nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

func (s sums) write(tx *bolt.Tx) error {
	return tx.Bucket([]byte(metaBucket)).Put([]byte(sumsSlot.key), seal(sumsSlot, mustMarshal(s)))
}

// put writes or, with nil, deletes a slot's value and keeps the sums right.
func (s sums) put(tx *bolt.Tx, k slot, v []byte) error {
	bucket, key := tx.Bucket([]byte(k.bucket)), []byte(k.key)
	if k.summed() {
		s[k.bucket] -= sealOf(bucket.Get(key))
	}
	if v == nil {
		return bucket.Delete(key)
	}
	raw := seal(k, v)
	if k.summed() {
		s[k.bucket] += sealOf(raw)
	}
	return bucket.Put(key, raw)
}

// eachSealed gives every value of a bucket, and tells when one is damaged or
// missing.
func eachSealed(tx *bolt.Tx, name string, f func(k, v []byte) error) error {
	var sum uint64
	b, err := bucketOf(tx, name)
	if err != nil {
		return err
	}
	err = b.ForEach(func(key, raw []byte) error {
		k := slot{name, string(key)}
		if !k.summed() {
			return nil
		}
		sum += sealOf(raw)
		v, err := unseal(k, raw)
		if err != nil {
			return err
		}
		return f(key, v)
	})
	if err != nil {
		return err
	}
	want, err := readSums(tx)
	if err == nil && want[name] != sum {
		err = fmt.Errorf("%s: a record is missing or too many", name)
	}
	return err
}

// checkSeals looks at every value.
func checkSeals(tx *bolt.Tx) error {
	for _, name := range allBuckets {
		if err := eachSealed(tx, name, func(_, _ []byte) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// sumUp makes the sums anew from the seals that are there.
func sumUp(tx *bolt.Tx) error {
	s := sums{}
	for _, name := range allBuckets {
		err := tx.Bucket([]byte(name)).ForEach(func(key, raw []byte) error {
			if k := (slot{name, string(key)}); k.summed() {
				s[name] += sealOf(raw)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.write(tx)
}

// sealAll is the way from level 1, whose values had no seals.
func sealAll(tx *bolt.Tx) error {
	for _, name := range allBuckets {
		bucket, plain := tx.Bucket([]byte(name)), batch{}
		err := bucket.ForEach(func(key, v []byte) error {
			plain[slot{name, string(key)}] = append([]byte{}, v...)
			return nil
		})
		if err != nil {
			return err
		}
		for k, v := range plain {
			if err := bucket.Put([]byte(k.key), seal(k, v)); err != nil {
				return err
			}
		}
	}
	return nil
}
