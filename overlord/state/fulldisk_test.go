package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pkgd.io/pkgd/overlord/state"
)

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system to fill")
	}
	dir := tempDir(t)
	if err := syscall.Mount("pkgd-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillUp leaves no free page on the disk; give deletes what it took.
func fillUp(t *testing.T, dir string) (give func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); ; {
		if _, err := f.Write(page); errors.Is(err, syscall.ENOSPC) {
			return func() { os.Remove(path) }
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAReallyFullDiskLosesNothing(t *testing.T) {
	dir := smallDisk(t, 4<<20)
	path := filepath.Join(dir, "state.db")
	s := openAt(t, path, state.Options{})
	g := rig{s, state.NewTaskRunner(s)}
	g.handle("k", nothing, nil)
	locked(s, func() { s.Set("before", 1) })
	give := fillUp(t, dir)
	n := 0
	for ; s.Writable() == nil; n++ { // pages inside the file may still be had
		locked(s, func() { s.SetBlob(fmt.Sprint(n), make([]byte, 50_000)) })
	}
	if !errors.Is(s.Writable(), syscall.ENOSPC) {
		t.Fatalf("writable: %v", s.Writable())
	}
	c, tasks := g.chain("k")
	g.r.Ensure()
	g.r.Wait()
	if got := g.status(tasks[0]); got != state.DoStatus {
		t.Errorf("with a full disk a task became %v", got)
	}
	if b, err := s.Blob(fmt.Sprint(n - 1)); err != nil || len(b) != 50_000 {
		t.Errorf("what was not written cannot be read: %d bytes, %v", len(b), err)
	}
	give()
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.r.Ensure()
	<-c.Ready()
	g.r.Stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	give = fillUp(t, dir)
	s = openAt(t, path, state.Options{Backup: path + ".backup"}) // opens on a full disk
	s.WaitBackup()
	locked(s, func() {
		if !s.Has("before") || s.Change(c.ID()).Status() != state.DoneStatus {
			t.Error("something is lost")
		}
	})
	for i := range n {
		if b, err := s.Blob(fmt.Sprint(i)); err != nil || len(b) != 50_000 {
			t.Fatalf("blob %d: %d bytes, %v", i, len(b), err)
		}
	}
	give()
	s.Close()
}

func TestAFullDiskHasRoomForTheCommitsOfARevert(t *testing.T) {
	dir := smallDisk(t, 8<<20)
	s := openAt(t, filepath.Join(dir, "state.db"), state.Options{})
	for i := range 100 {
		locked(s, func() { s.Set(fmt.Sprint("package/", i), make([]byte, 2000)) })
	}
	fillUp(t, dir)
	for i := range 50 {
		locked(s, func() { s.Set(fmt.Sprint("package/", i), make([]byte, 3000)) })
		if err := s.Writable(); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
	}
}
