// Package remotetest gives tests an ssh whose hosts are shell scripts. It takes
// the options that the real one takes and no others, fails as the real one
// fails, and joins the command's words as it does.
package remotetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program is the fake. What the real one says and how it exits was copied from
// running OpenSSH 9.2.
const program = `#!/bin/sh
hosts=$(dirname "$0")/hosts
while getopts Taxno: option; do
	case $option in
	o) printf '%s\n' "$OPTARG" >>"$hosts/../options" ;;
	'?') echo "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] destination [command [argument ...]]" >&2; exit 255 ;;
	esac
done
shift $((OPTIND - 1))
host=$1
shift
COMMAND=$*
export COMMAND
if [ ! -e "$hosts/$host" ]; then
	echo "ssh: Could not resolve hostname $host: Name or service not known" >&2
	exit 255
fi
exec sh "$hosts/$host"
`

// SSH is a folder to put into PATH, with an ssh in it.
type SSH struct {
	t   *testing.T
	Dir string
}

// New makes an ssh that knows no host.
func New(t *testing.T) *SSH {
	t.Helper()
	s := &SSH{t: t, Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.Dir, "hosts"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(s.Program(), program)
	return s
}

// Program is the ssh's path.
func (s *SSH) Program() string { return filepath.Join(s.Dir, "ssh") }

// Host makes a host of a script, which finds in $COMMAND what it is to run.
func (s *SSH) Host(name, script string) {
	s.t.Helper()
	s.write(filepath.Join(s.Dir, "hosts", name), script+"\n")
}

// Options are those that were given with -o.
func (s *SSH) Options() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir, "options"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func (s *SSH) write(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}
