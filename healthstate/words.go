package healthstate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The codes that pkgd itself gives. Hooks cannot: the prefix is reserved.
const (
	CodeNoHealthSet = "pkgd-no-health-set" // unknown: the hook ended well and said nothing
	CodeHookFailed  = "pkgd-hook-failed"   // error: the hook failed without words of its own
	CodeHookTimeout = "pkgd-hook-timeout"  // error: the hook did not end in time
	CodeCheckFailed = "pkgd-check-failed"  // error: by the roll-up of checks
	CodeStale       = "pkgd-stale"         // unknown: the record is older than its ttl
	CodeRefreshing  = "pkgd-refreshing"    // maintenance: between the switch and the first result
	CodeServiceDown = "pkgd-service-down"  // error: a service that should be up is not
	CodeCrashLoop   = "pkgd-crash-loop"    // error: pkgd or the host died again and again in the window
	CodeRegression  = "pkgd-regression"    // of a warning: the package got worse at rest
)

const (
	maxCode    = 64  // characters
	maxMessage = 256 // runes
)

var codeForm = regexp.MustCompile(`^[a-z]+(-?[a-z0-9]){3,}$`)

// CheckCode says why a hook may not use code, or nil.
func CheckCode(code string) error {
	switch {
	case len(code) > maxCode:
		return fmt.Errorf("code %.20q… is %d characters long; at most %d are kept", code, len(code), maxCode)
	case !codeForm.MatchString(code):
		return fmt.Errorf("code %q is not of the form %s: lower-case letters, digits and single dashes, at least 4 characters", code, codeForm)
	case strings.HasPrefix(code, "pkgd-"), strings.HasPrefix(code, "snapd-"):
		return fmt.Errorf("code %q has a reserved prefix; choose one that starts neither pkgd- nor snapd-", code)
	}
	return nil
}

// CleanMessage gives the message as it is kept: one line of valid UTF-8 without
// control characters, cut to 255 runes and an ellipsis when it has more than
// 256. The empty message is none, and no error.
func CleanMessage(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errors.New("message is not valid UTF-8")
	}
	if i := strings.IndexFunc(s, breaksLine); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return "", fmt.Errorf("message has the control character %U at byte %d; write one plain line", r, i)
	}
	return cut(s), nil
}

// breaksLine tells what a one-line message cannot hold: control characters, and
// the two separators that Unicode has beside them.
func breaksLine(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxMessage {
		return s
	}
	n := 0
	for i := range s {
		if n == maxMessage-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// tidy makes a message of text that nobody wrote as one: the last line of a
// failed hook, the first of a plug-in. It never refuses.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if breaksLine(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return cut(strings.TrimSpace(s))
}

// checkName says why name cannot name a part of a record: a check, a datum or a
// blocker.
func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s has no name", what)
	case !utf8.ValidString(name):
		return fmt.Errorf("name of %s is not valid UTF-8", what)
	case utf8.RuneCountInString(name) > maxCode:
		return fmt.Errorf("name of %s is longer than %d characters", what, maxCode)
	case strings.IndexFunc(name, breaksLine) >= 0 || strings.TrimSpace(name) != name:
		return fmt.Errorf("name %q of %s has control characters or outer spaces", name, what)
	}
	return nil
}
