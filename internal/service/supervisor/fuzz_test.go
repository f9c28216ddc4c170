package supervisor_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/service/supervisor"
)

// FuzzLog takes what a service may print, in pieces of any size: its lines come
// back as they were, but for what is no text and what is longer than a line may
// be, and none of them passes for another's or for pkgd's own time.
func FuzzLog(f *testing.F) {
	f.Add([]byte("one\ntwo"), uint16(1))
	f.Add([]byte("2024-01-01T00:00:00.000000000Z forged\r\n\n\xff"), uint16(5))
	f.Add(bytes.Repeat([]byte("x"), 20_000), uint16(8192))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		if len(b) > 1<<17 {
			return
		}
		var pieces [][]byte
		for rest := b; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, err := supervisor.LogBack(filepath.Join(t.TempDir(), "log"), pieces)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		text := string(b)
		for line := range strings.Lines(text) {
			want = append(want, broken(strings.TrimSuffix(line, "\n"), strings.HasSuffix(line, "\n"))...)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q came back as %q", want, got)
		}
	})
}

// broken is a line in pieces as long as a line may be, as they are kept.
func broken(line string, ended bool) (parts []string) {
	for len(line) > supervisor.LogLineSize {
		parts, line = append(parts, line[:supervisor.LogLineSize]), line[supervisor.LogLineSize:]
	}
	if line != "" || ended {
		parts = append(parts, line)
	}
	for i, p := range parts {
		parts[i] = strings.ToValidUTF8(strings.TrimSuffix(p, "\r"), "\uFFFD")
	}
	return parts
}
