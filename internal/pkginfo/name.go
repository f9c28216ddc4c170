package pkginfo

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// pattern gives a regular expression that is compiled when it is first used: the
// daemon's start has no use for it.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	namePattern    = pattern(`^[a-z][a-z0-9-]{1,39}$`)
	partPattern    = pattern(`^[a-z][a-z0-9-]{0,39}$`)
	versionPattern = pattern(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$`)
	userPattern    = pattern(`^[a-z_][a-z0-9_-]{0,31}$`)
	envPattern     = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

const (
	nameRule    = "2 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end"
	partRule    = "1 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end"
	versionRule = "1 to 64 of 0-9, A-Z, a-z and . + ~ -, beginning with a letter or digit"
)

// ValidName says what is wrong with a package's name (design §11).
func ValidName(name string) error {
	if !namePattern().MatchString(name) || dashed(name) {
		return fmt.Errorf("%q is not a package's name: %s", name, nameRule)
	}
	return nil
}

// validPart says what is wrong with the name of a service or an app.
func validPart(name string) error {
	if !partPattern().MatchString(name) || dashed(name) {
		return fmt.Errorf("%q is not a name: %s", name, partRule)
	}
	return nil
}

func dashed(name string) bool { return strings.Contains(name, "--") || strings.HasSuffix(name, "-") }

// ValidVersion says what is wrong with a version (design §11).
func ValidVersion(version string) error {
	if version == "" {
		return errors.New("the version is empty: " + versionRule)
	}
	if !versionPattern().MatchString(version) {
		return fmt.Errorf("%q is not a version: %s", version, versionRule)
	}
	return nil
}
