package hookrunner_test

import (
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pkgd.io/pkgd/hookrunner"
)

// FuzzOutput takes what a hook may print, in pieces of any size. What is kept is
// bounded and its end, and the last words are one line of text.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("first\nlast\n"), uint16(3), uint16(1))
	f.Add([]byte("caf\xe9\x1b[2J\r\n\n \n"), uint16(1), uint16(9))
	f.Add([]byte(strings.Repeat("x", 5000)+"\n\x00"), uint16(4096), uint16(40))
	f.Fuzz(func(t *testing.T, b []byte, size, times uint16) {
		text := strings.Repeat(string(b), int(times)%64+1)
		if len(text) > 1<<20 {
			return
		}
		var pieces []string
		for rest := text; rest != ""; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		res := hookrunner.TakeStderr(slog.New(slog.DiscardHandler), pieces)
		if want := text[max(0, len(text)-64<<10):]; string(res.Output) != want {
			t.Errorf("kept %d bytes, want %d", len(res.Output), len(want))
		}
		last := res.LastStderr
		steers := func(c rune) bool { return unicode.IsControl(c) && c != '\t' }
		if !utf8.ValidString(last) || len(last) > 3*4096 || strings.TrimSpace(last) != last || strings.ContainsFunc(last, steers) {
			t.Errorf("last words are %q", last)
		}
	})
}
