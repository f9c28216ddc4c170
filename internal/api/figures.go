package api

import "time"

// Figures are what monitoring counts of packages and of what happens to them.
// They are in metrics only.
type Figures struct {
	Packages []PackageFigures
	Ended    map[Ended]uint64 // changes of packages since pkgd started
	Warnings int              // that nobody has dismissed
}

// Ended is a way in which a change can have ended for a package.
type Ended struct{ Kind, Outcome string }

// PackageFigures are those of one installed package.
type PackageFigures struct {
	Name    string
	Held    bool
	Refused bool      // content newer than what runs is refused
	Outcome string    // of its last change; empty: nothing has happened to it
	EndedAt time.Time // when that change ended
}
