package faults

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"pkgd.io/pkgd/tests/blocks"
	"pkgd.io/pkgd/tests/world"
)

// cuts are the disks that power cuts might have left of a deed. What pkgd makes
// of two disks that hold the same files and records is looked at once.
type cuts struct {
	site  *site // its kept disk goes along with the flushes
	may   map[string]world.View
	seen  map[state]string // and how they end
	ends  map[string]int
	times int
}

// state is all that a program can see of a disk, and which ends it may have.
type state struct {
	sum [sha256.Size]byte
	may string
}

func newCuts(ready *site, may map[string]world.View) *cuts {
	return &cuts{site: ready, may: may, seen: map[state]string{}, ends: map[string]int{}}
}

// found adds a row to the table; reached begins what it says was reached.
func (c *cuts) found(t *testing.T, fault, when, reached string) {
	t.Helper()
	world.Report(t, fault, when, c.times,
		reached+fmt.Sprintf("%d states, as before %d times, as after %d", len(c.seen), c.ends["before"], c.times-c.ends["before"]))
}

// reach goes on to the next flush.
func (c *cuts) reach(w blocks.Window) { write(c.site.disk.t, c.site.disk.kept, w.Writes) }

func write(t *testing.T, image string, pieces []blocks.Piece) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := blocks.Write(f, pieces); err != nil {
		t.Fatal(err)
	}
}

// cut starts pkgd on the disk as of the last flush, with these pieces that were
// written after it, and looks.
func (c *cuts) cut(t *testing.T, name string, pieces []blocks.Piece) {
	t.Helper()
	d := c.site.disk.copied(t)
	defer os.Remove(d.image)
	write(t, d.image, pieces)
	d.mount()
	defer d.drop()
	s := state{sumOf(t, c.site.World, d.dir), fmt.Sprint(slices.Sorted(maps.Keys(c.may)))}
	if _, known := c.seen[s]; !known {
		t.Run(name, func(t *testing.T) {
			d.t = t
			c.seen[s] = onDisk(t, d).comesUp(c.may)
		})
	}
	c.times++
	c.ends[c.seen[s]]++
}

// comesUp starts pkgd after a power cut and tells how the host looks then.
func (w *site) comesUp(may map[string]world.View) (end string) {
	w.Start()
	end = w.ComesTo(may)
	w.Stop()
	return end
}
