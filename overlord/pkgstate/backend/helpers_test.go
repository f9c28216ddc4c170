package backend_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/overlord/pkgstate/backend"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a pkgd's disk.
type host struct {
	*backend.Backend
	dirs dirs.Dirs
}

func newHost(t testing.TB) host {
	t.Helper()
	return hostAt(t, disktest.Dir(t))
}

func hostAt(t testing.TB, root string) host {
	t.Helper()
	d, err := dirs.New(root)
	must(t, err)
	return host{backend.New(d), d}
}

// write makes a file and the folders above it.
func write(t testing.TB, path, content string, mode fs.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), mode))
	must(t, os.Chmod(path, mode))
}

// source makes the tree of a package.
func source(t testing.TB, version string) string {
	t.Helper()
	dir := disktest.Dir(t)
	write(t, filepath.Join(dir, "meta/pkg.yaml"), fmt.Sprintf("name: web\nversion: %q\nservices: {web: {command: bin/web}}\n", version), 0o644)
	write(t, filepath.Join(dir, "bin/web"), "#!/bin/sh\nexec sleep 1000\n", 0o755)
	return dir
}

// pack makes the .pkg file of a tree.
func pack(t testing.TB, src, file string) (digest string) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	digest, err = pkgfile.Pack(src, f)
	must(t, err)
	must(t, f.Close())
	return digest
}

// installed puts a revision of package web on the host.
func (h host) installed(t testing.TB, rev int, version string) {
	t.Helper()
	id := fmt.Sprintf("change-%d", rev)
	_, err := h.Stage(t.Context(), source(t, version), id)
	must(t, err)
	must(t, h.Install(t.Context(), id, "web", rev))
}

// snapshot lists all that lies in dir: path → mode, owner, times, content.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	first := map[uint64]string{}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := os.Lstat(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		st := fi.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%v %d:%d", fi.Mode(), st.Uid, st.Gid)
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if st.Nlink > 1 && first[st.Ino] != "" {
				text += " = " + first[st.Ino]
			}
			first[st.Ino] = rel
			if len(b) > 100 {
				b = fmt.Appendf(nil, "%d bytes, %x", len(b), sha256.Sum256(b))
			}
			text += fmt.Sprintf(" %v %q", fi.ModTime().UnixNano(), b)
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			text += " -> " + target
		case fi.IsDir():
			text += fmt.Sprint(" ", fi.ModTime().UnixNano())
		default:
			return nil
		}
		all[rel] = text
		return nil
	}))
	return all
}

// below lists the names under dir.
func below(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			names = append(names, rel)
		}
		return nil
	})
	if !os.IsNotExist(err) {
		must(t, err)
	}
	return names
}
