package state

import (
	"encoding/json"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Schema is a format level with the way to it from older ones.
type Schema struct {
	Level      int
	Migrations map[int]func(tx *bolt.Tx) error
}

// OpenWith opens a state of another schema.
func OpenWith(path string, o Options, sc Schema) (*State, error) {
	return open(path, o, schema{sc.Level, sc.Migrations}, nil)
}

// OpenFaulty opens a state whose every commit goes through hook.
func OpenFaulty(path string, o Options, hook func(commit func() error) error) (*State, error) {
	return open(path, o, current(), hook)
}

// CurrentLevel is the format level that this package writes.
func CurrentLevel() int { return current().level }

// Seal is a value as it lies in the file.
func Seal(bucket, key string, v []byte) []byte { return seal(slot{bucket, key}, v) }

// WaitBackup has the copy made and returns when it is.
func (s *State) WaitBackup() {
	s.Backup()
	s.backup.busy.Wait()
}

// DurableStatus is the status that the file has for a task.
func (s *State) DurableStatus(id string) (Status, error) {
	raw, err := s.store.get(slot{taskBucket, idKey(id)})
	if err != nil || raw == nil {
		return DefaultStatus, err
	}
	var rec taskRecord
	err = json.Unmarshal(raw, &rec)
	return rec.Status, err
}

// Dead tells what of the change was aborted, itself or by a failure.
func (c *Change) Dead() (all bool, lanes []int) { return c.rec.Aborted, slices.Clone(c.rec.Dead) }

// Plant puts a value with a right seal into a file, as only pkgd itself should.
func Plant(db *bolt.DB, bucket, key string, v []byte) error {
	return db.Update(func(tx *bolt.Tx) error {
		s, err := readSums(tx)
		if err == nil {
			err = s.put(tx, slot{bucket, key}, v)
		}
		if err == nil {
			err = s.write(tx)
		}
		return err
	})
}

// Buckets are those of the file.
func Buckets() []string { return allBuckets }

// HeadlineOnly tells whether a start would leave a change's data on the disk.
func HeadlineOnly(record string) (bool, error) {
	_, whole, err := readHeadline([]byte(record))
	return !whole, err
}
