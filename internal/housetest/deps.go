// Package housetest holds the house to its rules. Its nouns are the package, as
// the go command knows it, and what it links; its tests walk the tree and fail
// when a package does not introduce itself, when an arrow between rooms runs up,
// or when a program links what it must not.
//
// Its rule: a rule that no test holds is a wish. A test of one program's own
// links lives beside that program and uses [Links].
package housetest

import (
	"os/exec"
	"strings"
	"testing"
)

// Module is the path of this module.
const Module = "pkgd.io/pkgd"

// Links lists every package that is linked into pkg, itself included. pkg is a
// path below the module, such as "cmd/ctl".
func Links(t testing.TB, pkg string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", Module+"/"+pkg)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	return lines(t, cmd)
}

func lines(t testing.TB, cmd *exec.Cmd) []string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	return strings.Fields(string(out))
}

// Within says whether a package path is root or lies below it.
func Within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
