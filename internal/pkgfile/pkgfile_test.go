package pkgfile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

var web = map[string]string{
	"meta/pkg.yaml":           manifest,
	"meta/hooks/check-health": "#!/bin/sh\nctl set-health active\n",
	"bin/server":              "#!/bin/sh\nexec sleep 1000\n",
	"bin/s":                   "->server",
	"lib/empty/":              "",
	"lib/ünï/data":            "grüße",
	"lib/" + strings.Repeat("long/", 30) + "name": "a path that does not fit into ustar",
	"README":   "read me\n",
	"bin-more": "sorts before bin/ by its bytes",
}

// golden is the digest of web. When this test fails, content that is installed
// everywhere would look like new content: mend the code, not the test.
const golden = "sha256:4be986a250535728024040711aa4fe4d692d664f5a9f2935c90d22a4899016bd"

func TestDigestOfTheSameContentNeverChanges(t *testing.T) {
	got, err := pkgfile.Digest(tree(t, web))
	must(t, err)
	if got != golden {
		t.Errorf("digest is %s, was %s", got, golden)
	}
}

func TestDigestIgnoresOwnerTimeAndFineModes(t *testing.T) {
	dir := tree(t, web)
	must(t, os.Chmod(filepath.Join(dir, "README"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "bin/server"), 0o711))
	must(t, os.Chmod(filepath.Join(dir, "lib"), 0o700))
	must(t, os.Chtimes(filepath.Join(dir, "README"), time.Unix(1, 0), time.Unix(1, 0)))
	got, err := pkgfile.Digest(dir)
	must(t, err)
	if got != golden {
		t.Errorf("digest is %s, want %s", got, golden)
	}
}

func TestPackIsTheSameBytesEveryTime(t *testing.T) {
	var a, b bytes.Buffer
	_, err := pkgfile.Pack(tree(t, web), &a)
	must(t, err)
	_, err = pkgfile.Pack(tree(t, web), &b)
	must(t, err)
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same tree gave two different files")
	}
}

func TestFileIsTheDigestedTarCompressed(t *testing.T) {
	var b bytes.Buffer
	digest, err := pkgfile.Pack(tree(t, web), &b)
	must(t, err)
	z, err := zstd.NewReader(&b)
	must(t, err)
	defer z.Close()
	h := sha256.New()
	_, err = io.Copy(h, z)
	must(t, err)
	if got := fmt.Sprintf("sha256:%x", h.Sum(nil)); got != digest || got != golden {
		t.Errorf("zstd -dc | sha256sum gives %s, Pack says %s", got, digest)
	}
}

func packed(t testing.TB, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	_, err := pkgfile.Pack(tree(t, files), &b)
	must(t, err)
	path := filepath.Join(disktest.Dir(t), "x.pkg")
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

func TestUnpackGivesTheSameTreeReadOnly(t *testing.T) {
	f, err := os.Open(packed(t, web))
	must(t, err)
	defer f.Close()
	dst := filepath.Join(disktest.Dir(t), "tree")
	digest, err := pkgfile.Unpack(t.Context(), f, dst, pkgfile.Limits{})
	must(t, err)
	if digest != golden {
		t.Errorf("digest is %s, want %s", digest, golden)
	}
	want := map[string]string{}
	for p, content := range list(t, tree(t, web)) {
		want[p] = strings.NewReplacer("-rwxr-xr-x", "-r-xr-xr-x", "-rw-r--r--", "-r--r--r--", "drwxr-xr-x", "dr-xr-xr-x").Replace(content)
	}
	if diff := cmp.Diff(want, list(t, dst)); diff != "" {
		t.Error(diff)
	}
	if fi, err := os.Stat(dst); err != nil || fi.Mode().Perm() != 0o555 {
		t.Errorf("the tree's own folder is %v, %v", fi.Mode(), err)
	}
}

func TestDirectoryFileAndCopyHaveOneDigest(t *testing.T) {
	dst := filepath.Join(disktest.Dir(t), "copy")
	copied, err := pkgfile.CopyTree(t.Context(), tree(t, web), dst, pkgfile.Limits{})
	must(t, err)
	for _, path := range []string{tree(t, web), packed(t, web), dst} {
		got, err := pkgfile.DigestOf(path)
		must(t, err)
		if got != golden || copied != golden {
			t.Errorf("digest of %s is %s, of the copy %s", path, got, copied)
		}
	}
}

func TestDigestOfFileFromAnotherToolIsThatOfItsContent(t *testing.T) {
	b := compress(t, rawTar(t,
		header('5', "./", 0), header('0', "./z", 3), header('0', "./b/c/d", 2000), header('5', "./b/", 0), header('0', "./meta/pkg.yaml", 1)))
	path := filepath.Join(disktest.Dir(t), "x.pkg")
	must(t, os.WriteFile(path, b, 0o644))
	stream, err := pkgfile.DigestOf(path)
	must(t, err)
	unpacked, err := pkgfile.Unpack(t.Context(), bytes.NewReader(b), filepath.Join(disktest.Dir(t), "tree"), pkgfile.Limits{})
	must(t, err)
	if stream != unpacked {
		t.Errorf("DigestOf says %s, Unpack %s", stream, unpacked)
	}
}

func TestReadInfoReadsOnlyTheBeginningOfAFile(t *testing.T) {
	path := packed(t, map[string]string{"meta/pkg.yaml": manifest, "aaa": randomText(3 << 20)})
	whole, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, whole[:len(whole)/2], 0o644)) // the rest is not needed
	info, err := pkgfile.ReadInfo(path)
	must(t, err)
	if pkgfile.FileName(info) != "web_1.0.pkg" {
		t.Errorf("got %+v", info)
	}
}

// randomText does not compress.
func randomText(n int) string {
	b := make([]byte, 0, n+sha256.Size)
	for sum := sha256.Sum256(nil); len(b) < n; sum = sha256.Sum256(sum[:]) {
		b = append(b, sum[:]...)
	}
	return string(b[:n])
}

func TestReadInfoOfADirectoryChecksTheTree(t *testing.T) {
	dir := tree(t, map[string]string{"meta/pkg.yaml": manifest + "apps: {x: {command: bin/x}}\n"})
	_, err := pkgfile.ReadInfo(dir)
	if _, ok := err.(pkginfo.Problems); !ok || !strings.Contains(err.Error(), "bin/x") {
		t.Errorf("got %v", err)
	}
}

func TestReadInfoSaysWhatIsNoPackage(t *testing.T) {
	text := filepath.Join(disktest.Dir(t), "x.pkg")
	must(t, os.WriteFile(text, []byte("hello"), 0o644))
	for path, want := range map[string]string{
		text:                                   "not a .pkg file",
		"/dev/null":                            "neither a directory nor a file",
		packed(t, map[string]string{"a": "b"}): "meta/pkg.yaml: is missing",
		"/nowhere/x.pkg":                       "no such file",
	} {
		if _, err := pkgfile.ReadInfo(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadInfo(%s) = %v, want %q", path, err, want)
		}
	}
}

func TestUnpackStopsWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	parent := disktest.Dir(t)
	b, err := os.ReadFile(packed(t, map[string]string{"big": randomText(8 << 20)}))
	must(t, err)
	r := io.MultiReader(bytes.NewReader(b[:4<<20]), readerFunc(func([]byte) (int, error) {
		cancel(os.ErrDeadlineExceeded)
		return 0, nil
	}))
	_, err = pkgfile.Unpack(ctx, r, filepath.Join(parent, "tree"), pkgfile.Limits{})
	if err == nil || !strings.Contains(err.Error(), os.ErrDeadlineExceeded.Error()) {
		t.Errorf("got %v", err)
	}
	if left := list(t, parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestUnpackRefusesADestinationThatExists(t *testing.T) {
	f, err := os.Open(packed(t, web))
	must(t, err)
	defer f.Close()
	if _, err := pkgfile.Unpack(t.Context(), f, disktest.Dir(t), pkgfile.Limits{}); !os.IsExist(err) && !strings.Contains(fmt.Sprint(err), "exists") {
		t.Errorf("got %v", err)
	}
}
