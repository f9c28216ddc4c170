package state

import (
	"fmt"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// schema says which format level this pkgd writes and how older files come to
// it: migrations[n] makes level n+1 of level n.
type schema struct {
	level      int
	migrations map[int]func(tx *bolt.Tx) error
}

// current is the format that this package reads and writes.
func current() schema {
	return schema{level: sealedLevel, migrations: map[int]func(tx *bolt.Tx) error{1: sealAll}}
}

func putLevel(tx *bolt.Tx, level int) error {
	return tx.Bucket([]byte(metaBucket)).Put([]byte(levelSlot.key), []byte(strconv.Itoa(level)))
}

// migrate takes the file up level by level; each step is one transaction, so
// that a file is always at one level or at the next.
func (st *store) migrate(from int, sc schema) error {
	for n := from; n < sc.level; n++ {
		step := sc.migrations[n]
		if step == nil {
			return fmt.Errorf("cannot migrate state %q: nothing leads from format level %d to %d", st.path, n, n+1)
		}
		err := guard(func() error {
			return st.db.Update(func(tx *bolt.Tx) error {
				if err := step(tx); err != nil {
					return err
				}
				if err := sumUp(tx); err != nil {
					return err
				}
				return putLevel(tx, n+1)
			})
		})
		if err != nil {
			return fmt.Errorf("cannot migrate state %q from format level %d to %d: %w", st.path, n, n+1, err)
		}
	}
	return nil
}
