package monitoring_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pkgd.io/pkgd/tests/daemontest"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(daemontest.Programs(func(dir string) int {
		bin = dir
		return run(m)
	}))
}

func run(m *testing.M) int {
	code := m.Run()
	if code == 0 && whole() {
		return allTaken()
	}
	return code
}

// whole tells whether all tests were asked for, and could run.
func whole() bool {
	return flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" &&
		flag.Lookup("test.list").Value.String() == "" && os.Getenv("CI") == "true"
}

// limit is the end of a hung test, and no figure to reach.
const limit = 60 * time.Second

// eventually asks again and again until it is so, with a breath between two
// tries, so that the asking does not slow down what is waited for.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never came: %s", what)
}

// ports are handed out from below those that the kernel gives to whoever
// connects, so that nobody takes one before it is listened on.
var ports struct {
	mu   sync.Mutex // guards next
	next int
}

// address is a place on the loopback where nobody listens.
func address(t *testing.T) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.next == 0 {
		ports.next = 10000 + os.Getpid()%20000
	}
	for range 1000 {
		ports.next++
		a := fmt.Sprintf("127.0.0.1:%d", ports.next)
		if l, err := net.Listen("tcp", a); err == nil {
			_ = l.Close()
			return a
		}
	}
	t.Fatal("no port is free")
	return ""
}

// shortDir is a new folder whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemontest.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // for tools that are never root
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}
