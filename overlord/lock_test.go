package overlord_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/overlord"
)

func TestASecondDaemonIsRefusedWithThePidOfTheFirst(t *testing.T) {
	d := dirs.Dirs{Root: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(d.Lock()), 0o755); err != nil {
		t.Fatal(err)
	}
	release, err := overlord.LockRoot(d)
	if err != nil {
		t.Fatal(err)
	}
	_, err = overlord.LockRoot(d)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("the second lock gave %v, want the pid of the first", err)
	}
	release()
	if release, err = overlord.LockRoot(d); err != nil {
		t.Fatalf("the lock is not given back: %v", err)
	}
	release()
}
