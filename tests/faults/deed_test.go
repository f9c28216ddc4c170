package faults

import (
	"slices"
	"strings"

	"pkgd.io/pkgd/tests/world"
)

// deeds are all of the world's, and one whose data pkgd alone makes durable:
// what is in both passes over them, the new revision does not write again.
var deeds = append(slices.Clone(world.Deeds), world.Deed{
	Name:    "refresh that copies data",
	Prepare: keeps,
	Do:      func(w *world.World) { _, _ = w.Ask("refresh", w.Pack("42", world.Well)) },
})

// keeps puts a web 41 on the host that writes one file at its first start, for
// the first pass, and renames one whenever it is told to end, for the second.
func keeps(w *world.World) {
	dir := w.Pack("41", world.Well)
	w.Write(dir+"/bin/serve", `#!/bin/sh
cd $PKG_DATA
[ -e part.told ] && mv part.told part.idle
[ -e schema ] || { echo 1 >kept; echo 2 >part.idle; echo 41 >new; sync kept part.idle new; mv new schema; }
trap 'mv part.idle part.told; sync .; exit 0' TERM
while :; do sleep 1000 & wait; done
`, 0o755)
	w.Start()
	w.MustDo("install", dir)
	if _, err := w.Set("41"); err != nil {
		w.Fatal(err)
	}
	w.AwaitService()
	w.Stop()
}

// untold is how a host looks whose service was ended by the power cut, and so was
// never told to end.
func untold(after world.View) (v world.View) {
	for _, line := range after {
		v = append(v, strings.Replace(line, "/part.told: ", "/part.idle: ", 1))
	}
	return v
}
