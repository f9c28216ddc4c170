package supervisor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/service"
)

// record is what the disk knows of a service's process. It is written before
// the process is started, without its id, and again before the process counts
// as started: so there is never one without a record.
type record struct {
	Package  string `json:"package"`
	Name     string `json:"name"`
	Revision int    `json:"revision"`
	Mark     string `json:"mark"`            // entry of its environment
	PID      int    `json:"pid,omitempty"`   // 0: about to be started
	Start    uint64 `json:"start,omitempty"` // clock ticks after boot
}

// markKey is the variable that every process of a service carries. Its value
// begins with the root's own prefix, so that two daemons' services are told
// apart.
const markKey = "PKGD_TREE"

// newMark is an entry of the environment that no other tree has.
func (s *Supervisor) newMark(name string) string {
	return markPrefix(s.dirs.Root) + name + "/" + strings.ToLower(rand.Text())
}

// markPrefix is how the marks of all services of a root begin.
func markPrefix(root string) string {
	sum := sha256.Sum256([]byte(root))
	return markKey + "=" + hex.EncodeToString(sum[:6]) + "/"
}

// record writes what is known of a unit's process; p is nil before there is
// one. A record that cannot be written keeps no service down: the records'
// folder alone says that there may be something to look for.
func (s *Supervisor) record(u service.Unit, mark string, p *process) {
	r := record{Package: u.Package, Name: u.Name, Revision: u.Revision, Mark: mark}
	if p != nil {
		r.PID, r.Start = p.PID(), p.StartTime()
	}
	if err := s.writeRecord(u.ID(), r); err != nil {
		s.log.Error("cannot record a service's process", "service", u.ID(), "error", err)
	}
}

// writeRecord replaces the record as a whole. It is not synced: what it tells
// of does not outlive the kernel.
func (s *Supervisor) writeRecord(id string, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	tmp := filepath.Join(s.dirs.RunServices(), "."+id)
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.dirs.RunServices(), id))
}

func (s *Supervisor) unrecord(u service.Unit) {
	err := os.Remove(filepath.Join(s.dirs.RunServices(), u.ID()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Error("cannot drop the record of a service's process", "service", u.ID(), "error", err)
	}
}

// readRecords reads all records in dir. What cannot be read is no record.
func readRecords(dir string) []record {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []record
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		var r record
		if err == nil && json.Unmarshal(b, &r) == nil {
			all = append(all, r)
		}
	}
	return all
}
