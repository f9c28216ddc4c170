package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/overlord/state"
)

// resident is how much of a file this process has mapped in, in KiB.
func resident(t *testing.T, path string) (kib int) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(smaps), path+"\n")
	if !found {
		t.Fatal("the file is not mapped")
	}
	_, after, _ = strings.Cut(after, "\nRss:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

func TestWhatTheCheckOfTheWholeFileBroughtInIsLetGo(t *testing.T) {
	path := filepath.Join(tempDir(t), "state.db")
	s := openAt(t, path, state.Options{Backup: path + ".backup"})
	for i := range 40 {
		locked(s, func() { s.SetBlob(fmt.Sprint(i), []byte(strings.Repeat("x", 50_000))) })
	}
	for i := range 40 {
		if _, err := s.Blob(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	before := resident(t, path)
	s.WaitBackup()
	if after := resident(t, path); before < 1000 || after > before/4 {
		t.Errorf("of the file %d KiB were mapped in, %d KiB still are", before, after)
	}
	for i := range 40 {
		if b, err := s.Blob(fmt.Sprint(i)); err != nil || len(b) != 50_000 {
			t.Fatalf("blob %d: %d bytes, %v", i, len(b), err)
		}
	}
}
