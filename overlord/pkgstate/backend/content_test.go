package backend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/pkgfile"
)

func TestStagingADirectoryAndItsFileGivesOneDigest(t *testing.T) {
	h, src := newHost(t), source(t, "1.0")
	file := filepath.Join(disktest.Dir(t), "web.pkg")
	digest := pack(t, src, file)
	for i, from := range []string{src, file} {
		staged, err := h.Stage(t.Context(), from, fmt.Sprint("change-", i))
		must(t, err)
		if staged.Digest != digest || staged.Info.Version != "1.0" {
			t.Errorf("staging %s gives %+v, want digest %s", from, staged, digest)
		}
	}
}

func TestStagingAgainKeepsWhatWasThereFirst(t *testing.T) {
	h, src := newHost(t), source(t, "1.0")
	first, err := h.Stage(t.Context(), src, "change-1")
	must(t, err)
	write(t, filepath.Join(src, "meta/pkg.yaml"), "name: web\nversion: \"2.0\"\n", 0o644)
	again, err := h.Stage(t.Context(), src, "change-1")
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}

func TestStagingWhatIsNoPackageLeavesNothing(t *testing.T) {
	h := newHost(t)
	text := filepath.Join(disktest.Dir(t), "web.pkg")
	write(t, text, "hello", 0o644)
	for from, want := range map[string]string{
		text:         "cannot unpack " + text + ": not a .pkg file",
		"/dev/null":  "/dev/null is neither a directory nor a file",
		"/not/there": "no such file",
	} {
		_, err := h.Stage(t.Context(), from, "change-1")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if left := below(t, h.dirs.Staging()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInstallPutsARevisionWholeAndReadOnly(t *testing.T) {
	h := newHost(t)
	h.installed(t, 1, "1.0")
	want := []string{"bin", "bin/web", "meta", "meta/pkg.yaml"}
	if diff := cmp.Diff(want, below(t, h.dirs.Revision("web", 1))); diff != "" {
		t.Error(diff)
	}
	if fi, err := os.Stat(h.dirs.Revision("web", 1)); err != nil || fi.Mode().Perm() != 0o555 {
		t.Errorf("the tree is %v, %v", fi.Mode(), err)
	}
	if left := below(t, h.dirs.Staging()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInstallRunAgainChangesNothing(t *testing.T) {
	h := newHost(t)
	h.installed(t, 1, "1.0")
	before := snapshot(t, h.dirs.Packages())
	h.installed(t, 1, "1.0")
	must(t, h.Install(t.Context(), "change-1", "web", 1))
	if diff := cmp.Diff(before, snapshot(t, h.dirs.Packages())); diff != "" {
		t.Error(diff)
	}
}

func TestInstallGoesFromDiskToDisk(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Cache(), "size=1m")
	h.installed(t, 1, "1.0")
	digest, err := pkgfile.Digest(source(t, "1.0"))
	must(t, err)
	got, err := pkgfile.Digest(h.dirs.Revision("web", 1))
	must(t, err)
	if got != digest || len(below(t, h.dirs.Staging())) > 0 {
		t.Errorf("installed %s, want %s; left %v", got, digest, below(t, h.dirs.Staging()))
	}
}

func TestLinkNamesTheCurrentRevision(t *testing.T) {
	h := newHost(t)
	h.installed(t, 1, "1.0")
	h.installed(t, 2, "2.0")
	for _, rev := range []int{1, 2, 2, 1} {
		must(t, h.Link("web", rev))
		if got, err := h.Current("web"); err != nil || got != rev {
			t.Errorf("current is %d, %v, want %d", got, err, rev)
		}
	}
	if err := h.Link("web", 3); err == nil {
		t.Error("a revision that is not there became current")
	}
	for range 2 {
		must(t, h.Unlink("web"))
		if got, err := h.Current("web"); err != nil || got != 0 {
			t.Errorf("current is %d, %v after Unlink", got, err)
		}
	}
}

func TestTheCurrentRevisionIsNotRemoved(t *testing.T) {
	h := newHost(t)
	h.installed(t, 1, "1.0")
	must(t, h.Link("web", 1))
	if err := h.RemoveRevision("web", 1); err == nil || !strings.Contains(err.Error(), "current") {
		t.Errorf("got %v", err)
	}
	must(t, h.Unlink("web"))
	for range 2 {
		must(t, h.RemoveRevision("web", 1))
	}
	if left := below(t, h.dirs.Packages()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestIdsAreNoPaths(t *testing.T) {
	h := newHost(t)
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".tmp-x"} {
		if err := h.Unstage(id); err == nil {
			t.Errorf("id %q was taken", id)
		}
		if err := h.DropAside(id); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestCleanRemovesOnlyWhatNobodyKnows(t *testing.T) {
	h := newHost(t)
	for rev := 1; rev <= 4; rev++ {
		h.installed(t, rev, fmt.Sprint(rev))
	}
	must(t, h.Link("web", 3))
	must(t, h.EnsureData("web", 4, -1))
	must(t, h.EnsureData("removed", 1, -1))
	_, err := h.Stage(t.Context(), source(t, "5"), "change-waiting")
	must(t, err)
	_, err = h.Stage(t.Context(), source(t, "6"), "change-ended")
	must(t, err)
	old := time.Now().Add(-365 * 24 * time.Hour) // or the clock has jumped: both are no reason to delete
	must(t, os.Chtimes(filepath.Join(h.dirs.Staging(), "change-waiting"), old, old))
	write(t, filepath.Join(h.dirs.RevertedData(), "web-2-half/.tmp-about.json-1"), "", 0o600)
	write(t, filepath.Join(h.dirs.RevertedData(), "web-2-whole/about.json"), "{}", 0o600)
	write(t, filepath.Join(h.dirs.RevertedData(), "web-2-whole/.tmp-about.json-2"), "", 0o600)
	for _, dir := range []string{
		h.dirs.Staging(), h.dirs.Package("web"), h.dirs.Package("gone"), h.dirs.Data("web"), h.dirs.Packages(), filepath.Dir(h.dirs.Data("web")),
	} {
		write(t, filepath.Join(dir, ".tmp-half/x"), "", 0o400)
	}
	must(t, os.MkdirAll(h.dirs.Revision("gone", 7), 0o555))

	for range 2 {
		known := func(name string, rev int) bool { return name == "web" && rev == 1 }
		must(t, h.Clean(known, func(id string) bool { return id == "change-waiting" }))
	}
	var got []string
	for _, p := range below(t, filepath.Join(h.dirs.Root, "var")) {
		if !strings.Contains(p, "bin") && !strings.Contains(p, "meta") {
			got = append(got, p)
		}
	}
	want := []string{
		"cache", "cache/pkgd", "cache/pkgd/staging", "cache/pkgd/staging/change-waiting",
		"lib", "lib/pkgd", "lib/pkgd/data",
		"lib/pkgd/data/removed", "lib/pkgd/data/removed/1", "lib/pkgd/data/removed/common",
		"lib/pkgd/data/web", "lib/pkgd/data/web/4", "lib/pkgd/data/web/common",
		"lib/pkgd/packages", "lib/pkgd/packages/web",
		"lib/pkgd/packages/web/1", "lib/pkgd/packages/web/3", "lib/pkgd/packages/web/current",
		"lib/pkgd/reverted-data", "lib/pkgd/reverted-data/web-2-whole", "lib/pkgd/reverted-data/web-2-whole/about.json",
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAllOfItWorksUnprivileged(t *testing.T) {
	disktest.Unprivileged(t, "Test([^A]|Aside)")
}
