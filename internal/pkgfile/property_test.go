package pkgfile_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/pkgfile"
)

// anyTree draws the files of a tree, as the helper tree takes them. Names clash
// in no way; links lead anywhere inside.
func anyTree() *rapid.Generator[map[string]string] {
	folder := rapid.SampledFrom([]string{"", "bin/", "lib/", "lib/a-b/", "lib/a/b/", "meta/", "ünï/", strings.Repeat("x", 99) + "/"})
	name := rapid.StringMatching(`[a-z]{1,3}[-.]?[a-z0-9]{0,3}f`)
	content := rapid.OneOf(
		rapid.StringN(0, 50, -1), rapid.Just("#!/bin/sh\n"), rapid.Just("->f"), rapid.Just("->./nowhere/else"),
		rapid.Map(rapid.IntRange(0, 70_000), func(n int) string { return strings.Repeat("long", n) }))
	return rapid.Custom(func(t *rapid.T) map[string]string {
		files := map[string]string{"meta/pkg.yaml": manifest, "empty/": ""}
		for range rapid.IntRange(0, 12).Draw(t, "files") {
			files[folder.Draw(t, "folder")+name.Draw(t, "name")] = content.Draw(t, "content")
		}
		return files
	})
}

func TestWhatIsPackedUnpacksToTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files := anyTree().Draw(rt, "tree")
		src, parent := tree(t, files), disktest.Dir(t)
		want, err := pkgfile.Digest(src)
		must(t, err)
		var b bytes.Buffer
		packed, err := pkgfile.Pack(src, &b)
		must(t, err)
		unpacked, err := pkgfile.Unpack(t.Context(), bytes.NewReader(b.Bytes()), filepath.Join(parent, "unpacked"), pkgfile.Limits{})
		must(t, err)
		copied, err := pkgfile.CopyTree(t.Context(), src, filepath.Join(parent, "copied"), pkgfile.Limits{})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(parent, "x.pkg"), b.Bytes(), 0o644))
		file, err := pkgfile.DigestOf(filepath.Join(parent, "x.pkg"))
		must(t, err)
		for what, got := range map[string]string{"packed": packed, "unpacked": unpacked, "copied": copied, "of the file": file} {
			if got != want {
				rt.Errorf("digest %s is %s, want %s", what, got, want)
			}
		}
		if diff := cmp.Diff(list(t, filepath.Join(parent, "unpacked")), list(t, filepath.Join(parent, "copied"))); diff != "" {
			rt.Error(diff)
		}
	})
}

func TestDifferentTreesHaveDifferentDigests(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := anyTree().Draw(rt, "a"), anyTree().Draw(rt, "b")
		dirA, dirB := tree(t, a), tree(t, b)
		digestA, err := pkgfile.Digest(dirA)
		must(t, err)
		digestB, err := pkgfile.Digest(dirB)
		must(t, err)
		if same := cmp.Equal(list(t, dirA), list(t, dirB)); same != (digestA == digestB) {
			rt.Errorf("same tree: %v, digests %s and %s", same, digestA, digestB)
		}
	})
}

// FuzzUnpack feeds tars, compressed as they are: whatever they hold, nothing is
// written outside of the destination, and it is there in full or not at all.
func FuzzUnpack(f *testing.F) {
	f.Add(rawTar(f, header('5', "a/", 0), header('0', "a/b", 700), linkTo("a/c", "b")))
	f.Add(rawTar(f, header('0', "../evil", 1)))
	f.Add(rawTar(f, linkTo("a", "b/../../.."), header('0', "b/x", 1)))
	f.Add(rawTar(f, header('0', strings.Repeat("long/", 40)+"ü", 1), header(tar.TypeFifo, "p", 0)))
	f.Fuzz(func(t *testing.T, content []byte) {
		parent := disktest.Dir(t)
		dst := filepath.Join(parent, "a", "b", "tree")
		must(t, os.MkdirAll(filepath.Dir(dst), 0o755))
		before := list(t, parent)
		b := compress(t, content)
		digest, err := pkgfile.Unpack(t.Context(), bytes.NewReader(b), dst, pkgfile.Limits{Bytes: 1 << 20, Files: 200})
		if err != nil {
			if diff := cmp.Diff(before, list(t, parent)); diff != "" {
				t.Fatalf("left behind after %v: %s", err, diff)
			}
			return
		}
		again, err := pkgfile.Digest(dst)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(parent, "x.pkg"), b, 0o644))
		stream, err := pkgfile.DigestOf(filepath.Join(parent, "x.pkg"))
		must(t, err)
		if digest != again || digest != stream {
			t.Errorf("digest is %s when unpacked, %s when read again, %s from the file", digest, again, stream)
		}
		for p := range list(t, parent) {
			if p != "a" && p != "a/b" && p != "x.pkg" && !strings.HasPrefix(p, "a/b/tree") {
				t.Errorf("%s was made", p)
			}
		}
	})
}

func TestAllOfItWorksUnprivileged(t *testing.T) {
	disktest.Unprivileged(t, "TestUnpack|TestDirector|TestPack")
}
