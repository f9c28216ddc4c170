package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/overlord/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// openState opens a state in a folder of its own, closed when the test ends.
func openState(t testing.TB) *state.State {
	t.Helper()
	return openAt(t, filepath.Join(tempDir(t), "state.db"), state.Options{})
}

func openAt(t testing.TB, path string, o state.Options) *state.State {
	t.Helper()
	s, err := state.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// locked runs f with the lock.
func locked(s *state.State, f func()) {
	s.Lock()
	defer s.Unlock()
	f()
}

// tempDirOf is tempDir for a property.
func tempDirOf(t *rapid.T) string {
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWrite(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	mustWrite(t, to, mustRead(t, from))
}
