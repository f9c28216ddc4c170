package pkginfo

import (
	"cmp"
	"strings"
)

// CompareVersions orders two versions: below 0 when a is older, 0 when neither
// is, above 0 when a is newer.
//
// The order is semantic versioning's, made total over everything that
// [ValidVersion] lets through: missing numbers are 0 (1.2 is 1.2.0), leading
// zeros and a v before the first digit do not count, what follows + does not
// count. The first - or ~ begins a pre-release, which is older than the release
// (1.2-rc.1 and 1.2~rc.1 are older than 1.2); inside it semantic versioning's
// own rules hold, so rc.10 is newer than rc.9 while rc10 is older than rc9.
// Before it, parts that are not just a number are compared run by run of digits
// and letters, digits first: 1.9 is older than 1.9b, 1.9b than 1.10, and 1.10
// than 1.b.
func CompareVersions(a, b string) int {
	coreA, preA := splitVersion(a)
	coreB, preB := splitVersion(b)
	if c := compareCores(coreA, coreB); c != 0 {
		return c
	}
	return comparePre(preA, preB)
}

// splitVersion cuts the build off and divides the rest.
func splitVersion(v string) (core, pre string) {
	v, _, _ = strings.Cut(v, "+")
	if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && isDigit(v[1]) {
		v = v[1:]
	}
	if i := strings.IndexAny(v, "-~"); i >= 0 {
		return v[:i], v[i+1:]
	}
	return v, ""
}

func compareCores(a, b string) int {
	partsA, partsB := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(partsA), len(partsB)) {
		if c := comparePart(at(partsA, i), at(partsB, i)); c != 0 {
			return c
		}
	}
	return 0
}

// at gives a missing or empty part as 0.
func at(parts []string, i int) string {
	if i < len(parts) && parts[i] != "" {
		return parts[i]
	}
	return "0"
}

// comparePart compares run by run of digits and of others.
func comparePart(a, b string) int {
	for a != "" && b != "" {
		runA, runB := leadingRun(a), leadingRun(b)
		c := strings.Compare(runA, runB)
		if isNumber(runA) && isNumber(runB) {
			c = compareNumbers(runA, runB)
		}
		if c != 0 {
			return c
		}
		a, b = a[len(runA):], b[len(runB):]
	}
	return cmp.Compare(len(a), len(b))
}

// leadingRun is the longest beginning of s that is all digits or has none.
func leadingRun(s string) string {
	i := 1
	for i < len(s) && isDigit(s[i]) == isDigit(s[0]) {
		i++
	}
	return s[:i]
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	partsA, partsB := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(partsA), len(partsB)) {
		if c := comparePrePart(partsA[i], partsB[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(partsA), len(partsB))
}

func comparePrePart(a, b string) int {
	numA, numB := isNumber(a), isNumber(b)
	switch {
	case numA && numB:
		return compareNumbers(a, b)
	case numA:
		return -1
	case numB:
		return 1
	}
	return strings.Compare(a, b)
}

// compareNumbers compares digits of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
