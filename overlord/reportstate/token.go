package reportstate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"
)

// maxToken is how long a token may be, in bytes.
const maxToken = 4 << 10

// readToken reads the device's token, anew for each request, so that another one
// counts from then on. A token that others can read is not used.
func readToken(path string) (string, error) {
	// Not to wait for who might write into a pipe of that name.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("cannot read fleet.token-file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("cannot read fleet.token-file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("fleet.token-file %s is no file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("fleet.token-file %s is open to others (mode %#o): chmod 600 it, and have a new token made if others were there", path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("cannot read fleet.token-file: %w", err)
	}
	return cleanToken(path, string(b))
}

func cleanToken(path, text string) (string, error) {
	token := strings.TrimSpace(text)
	switch {
	case token == "":
		return "", fmt.Errorf("fleet.token-file %s is empty", path)
	case len(token) > maxToken:
		return "", fmt.Errorf("fleet.token-file %s has more than %d bytes", path, maxToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("fleet.token-file " + path + " has more than a token in it")
	}
	return token, nil
}

// printable is the first line of what others say, without what a terminal would
// act on.
func printable(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	line = strings.ToValidUTF8(line, "")
	return clip(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line))
}
