package faults

import (
	"slices"

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
// the first pass, and one whenever it is stopped, for the second.
func keeps(w *world.World) {
	w.Pack("41", world.Well)
	w.Write(w.Pkgs+"/41/bin/serve", `#!/bin/sh
cd $PKG_DATA
rm -f last
[ -e kept ] || { echo first >kept; sync kept; }
trap 'echo second >last; sync last .; exit 0' TERM
[ -e schema ] || { echo 41 >new; sync new; mv new schema; }
while :; do sleep 1000 & wait; done
`, 0o755)
	w.Start()
	w.MustDo("install", w.Pkgs+"/41")
	if _, err := w.Set("41"); err != nil {
		w.Fatal(err)
	}
	w.AwaitService()
	w.Stop()
}
