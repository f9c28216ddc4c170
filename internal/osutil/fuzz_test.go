package osutil_test

import (
	"fmt"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/osutil"
)

// FuzzStat gives a process any name, which it chooses itself: its parent, by which
// pkgd knows whose it is, is read all the same.
func FuzzStat(f *testing.F) {
	for _, name := range []string{"sh", "a) Z 1 (b", ") ", "\n", "((", " 1 2 3 "} {
		f.Add(name, uint32(1), uint64(5))
	}
	f.Fuzz(func(t *testing.T, name string, parent uint32, start uint64) {
		name = strings.ReplaceAll(name[:min(15, len(name))], "\x00", "")
		line := fmt.Sprintf("77 (%s) S %d 3 4 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0", name, parent>>1, start)
		p, err := osutil.ParseStat(77, []byte(line))
		want := osutil.Proc{PID: 77, PPID: int(parent >> 1), PGID: 3, SID: 4, State: 'S', Start: start}
		if err != nil || p != want {
			t.Errorf("%q: %+v %v", line, p, err)
		}
		_, _ = osutil.ParseStat(77, []byte(name)) // whatever it says, it ends
	})
}
