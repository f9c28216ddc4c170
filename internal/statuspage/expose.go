package statuspage

import "pkgd.io/pkgd/internal/config"

// exposure is how much a caller learns; more is greater.
type exposure int

const (
	counts exposure = iota // levels, counts and ages
	names                  // packages' names and statuses too
	full                   // versions, codes, messages and why too
	exposures
)

// exposureOf reads a word of the configuration. One that is unknown tells
// least.
func exposureOf(word string) exposure {
	switch word {
	case config.ExposeFull:
		return full
	case config.ExposeNames:
		return names
	}
	return counts
}
