package remote

import (
	"fmt"
	"regexp"
	"strings"
)

// destination is what a host may look like: a name, an address, an alias of the
// person's ssh configuration, "user@" before it, or "ssh://user@host:port". No
// letter of it means anything to a shell, since ssh puts it into the commands
// that a configuration may hold (ProxyCommand, Match exec).
var destination = regexp.MustCompile(`^[A-Za-z0-9_\[:.][A-Za-z0-9_.:%@/+=,~\[\]-]*$`)

// CheckHost says why a word cannot be asked as a host.
func CheckHost(host string) error {
	switch {
	case host == "":
		return fmt.Errorf("a host has a name")
	case strings.HasPrefix(host, "-"), strings.Contains(host, "@-"), strings.Contains(host, "/-"):
		return fmt.Errorf("%q is no host: it begins with a dash", host)
	case !destination.MatchString(host), len(host) > 512:
		return fmt.Errorf("%q is no host; one looks like web1, ada@web1.example.org or ssh://ada@web1:2222", host)
	}
	return nil
}

// plainWord needs no quotes in any shell. It does not begin with =, which zsh
// takes for the path of a command, nor with %, which a shell takes for a job.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:,@+-][A-Za-z0-9_./=:,@%+-]*$`)

// Quote makes of a command's words the line that the login shell of another
// host takes apart into the same words. Which shell that is nobody knows: what
// stands here means the same to sh, bash, zsh, csh and fish.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	// A quote ends the quotes, and so does a backslash, which fish would see in
	// them and others not.
	return "'" + strings.NewReplacer(`'`, `'\''`, `\`, `'\\'`).Replace(word) + "'"
}
