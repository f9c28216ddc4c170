package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pkgd.io/pkgd/tests/blocks"
	"pkgd.io/pkgd/tests/world"
)

var second = flag.Int("second", 6, "cut the power once more at every so many flushes of the recovery from a cut, shifted from one recovery to the next; 1: at each, on btrfs too")

// recovered are the deeds that a recovery carries on or takes back in ways of
// their own.
var recovered = []string{"install", "refresh", "refresh that is taken back", "revert by hand", "remove"}

func TestPowerCutDuringTheRecoveryFromOne(t *testing.T) {
	kinds := []string{"ext4", "xfs"}
	if *second == 1 {
		kinds = append(kinds, "btrfs")
	}
	for _, kind := range kinds {
		for _, d := range deeds {
			if !slices.Contains(recovered, d.Name) {
				continue
			}
			t.Run(kind+" "+d.Name, func(t *testing.T) {
				requires(t, "mkfs."+kind)
				t.Parallel()
				cutTwice(t, kind, d)
			})
		}
	}
}

// cutTwice does a deed once, on a disk that is recorded, lets pkgd recover from a
// power cut in each status that a task of the deed is ever found in, records
// that too, and looks at what further cuts might have left of each recovery.
func cutTwice(t *testing.T, kind string, d world.Deed) {
	ready, may := prepare(t, kind, d)
	windows, promised := record(t, ready, d)
	c, met := newCuts(ready, may), map[string]bool{}
	for i, w := range windows {
		if i >= promised {
			may = map[string]world.View{"after": may["after"]}
		}
		// Every other first cut falls into the writes after the flush.
		part := slices.Concat(w.Parts(rand.New(rand.NewPCG(*seed, uint64(i))), len(met)%2)...)
		from := ready.cut(t, part)
		if at := from.tasks(t); !met[at] {
			met[at] = true
			t.Run(fmt.Sprint("flush ", i), func(t *testing.T) { c.recovery(t, from, may, len(met)) })
		}
		os.Remove(from.disk.kept)
		if t.Failed() {
			t.Fatalf("with -seed=%d and -second=%d, of %d flushes", *seed, *second, len(windows))
		}
		write(t, ready.disk.kept, w.Writes)
	}
	c.found(t, "power cut during the recovery from one, "+kind, "during: "+d.Name, fmt.Sprintf("of %d recoveries, ", len(met)))
}

// cut gives the site as the power cut has left it: as it was kept, with these
// pieces that were written since.
func (w *site) cut(t *testing.T, pieces []blocks.Piece) *site {
	t.Helper()
	d := w.disk.copied(t)
	d.kept = d.image
	write(t, d.kept, pieces)
	return onDisk(t, d)
}

// tasks are the statuses in which a recovery will find the tasks.
func (w *site) tasks(t *testing.T) string {
	t.Helper()
	w = w.again(t)
	defer os.Remove(w.disk.image)
	defer w.disk.unmount()
	return fmt.Sprint(w.Tasks())
}

// recovery lets pkgd recover from the nth cut, and cuts the power meanwhile. Once
// the host was seen as it ends, it is that for good.
func (c *cuts) recovery(t *testing.T, from *site, may map[string]world.View, n int) {
	c.site, c.may = from, may
	w, rec := from.recorded(t)
	w.Start()
	end := w.ComesTo(may)
	promised := rec.Now()
	w.Stop()
	w.disk.unmount()
	for i, window := range rec.Stop() {
		if i >= promised {
			c.may = map[string]world.View{end: may[end]}
		}
		if (i+n)%*second == 0 {
			c.cut(t, fmt.Sprint("flush ", i), nil)
			for _, part := range window.Parts(rand.New(rand.NewPCG(*seed, uint64(i))), 1) {
				c.cut(t, fmt.Sprint("flush ", i, " and a part"), part)
			}
		}
		c.reach(window)
	}
}
