package pkginfo

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{1,39}$`)
	partPattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	versionPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$`)
	userPattern    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	envPattern     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

const (
	nameRule    = "2 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end"
	partRule    = "1 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end"
	versionRule = "1 to 64 of 0-9, A-Z, a-z and . + ~ -, beginning with a letter or digit"
)

// ValidName says what is wrong with a package's name (design §11).
func ValidName(name string) error {
	if !namePattern.MatchString(name) || dashed(name) {
		return fmt.Errorf("%q is not a package's name: %s", name, nameRule)
	}
	return nil
}

// validPart says what is wrong with the name of a service or an app.
func validPart(name string) error {
	if !partPattern.MatchString(name) || dashed(name) {
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
	if !versionPattern.MatchString(version) {
		return fmt.Errorf("%q is not a version: %s", version, versionRule)
	}
	return nil
}
