package public_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// lines are read until one is the awaited.
type lines struct{ r *bufio.Reader }

func newLines(r io.Reader) lines { return lines{bufio.NewReader(r)} }

func (l lines) await(t *testing.T, want string) {
	t.Helper()
	for {
		line, err := l.r.ReadString('\n')
		if err != nil {
			t.Fatalf("%q did not come: %v", want, err)
		}
		if strings.TrimSpace(line) == want {
			return
		}
	}
}
