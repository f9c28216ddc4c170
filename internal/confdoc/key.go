package confdoc

import (
	"fmt"
	"strings"
)

// MaxKey is how long a key may be, in bytes.
const MaxKey = 256

// CheckKey says why key cannot be a key. Every part between dots is lower-case
// letters and digits with single dashes between, and begins with a letter:
// ^[a-z](-?[a-z0-9])*$.
func CheckKey(key string) error {
	_, err := split(key)
	return err
}

func split(key string) ([]string, error) {
	if key == "" {
		return nil, fmt.Errorf("key is empty: name one such as %q", "ports.http")
	}
	if len(key) > MaxKey {
		return nil, fmt.Errorf("key %.20q… has %d bytes: the most is %d", key, len(key), MaxKey)
	}
	parts := strings.Split(key, ".")
	for _, part := range parts {
		if !validPart(part) {
			return nil, badPart(key, part)
		}
	}
	return parts, nil
}

func badPart(key, part string) error {
	const rule = "use lower-case letters, digits and single dashes, a letter first"
	if part == "" {
		return fmt.Errorf("key %q has an empty part: put one dot between parts, none at the ends", key)
	}
	if part == key {
		return fmt.Errorf("key %q is not valid: %s", key, rule)
	}
	return fmt.Errorf("part %q of key %q is not valid: %s", part, key, rule)
}

func validPart(part string) bool {
	if part == "" || part[0] < 'a' || part[0] > 'z' {
		return false
	}
	for i := 1; i < len(part); i++ {
		if !validNext(part[i-1], part[i]) {
			return false
		}
	}
	return part[len(part)-1] != '-'
}

func validNext(before, c byte) bool {
	if c == '-' {
		return before != '-'
	}
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}
