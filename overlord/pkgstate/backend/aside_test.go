package backend_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/overlord/pkgstate/backend"
)

// withData puts content into the data of a revision.
func (h host) withData(t testing.TB, rev int, content string) {
	t.Helper()
	must(t, h.EnsureData("web", rev, -1))
	write(t, filepath.Join(h.dirs.DataRevision("web", rev), "file"), content, 0o640)
}

func (h host) data(t testing.TB, rev int) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dirs.DataRevision("web", rev), "file"))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	must(t, err)
	return string(b)
}

func TestSetAsideKeepsDataForSevenDays(t *testing.T) {
	h := newHost(t)
	h.withData(t, 2, "bad")
	id, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	items, err := h.Aside("web")
	must(t, err)
	if len(items) != 1 || items[0].ID != id || items[0].Version != "2.0" || items[0].Revision != 2 || items[0].Bytes == 0 {
		t.Fatalf("set aside: %+v", items)
	}
	if kept := items[0].Until.Sub(items[0].At); kept < backend.KeepAside || kept > backend.KeepAside+time.Minute {
		t.Errorf("kept for %v", kept)
	}
	if h.data(t, 2) != "" {
		t.Error("the data are still there")
	}
	must(t, h.ExpireAside(osutil.BootID(), osutil.Uptime()+backend.KeepAside-time.Hour))
	must(t, h.ExpireAside("another boot", osutil.Uptime()+2*backend.KeepAside))
	if items, _ = h.Aside(""); len(items) != 1 {
		t.Error("gone too early")
	}
	must(t, h.NoteAside())
	must(t, h.ExpireAside(osutil.BootID(), osutil.Uptime()+backend.KeepAside))
	if left := below(t, h.dirs.RevertedData()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSetAsideRunAgainGivesTheSameID(t *testing.T) {
	h := newHost(t)
	h.withData(t, 2, "bad")
	first, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	again, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	h.withData(t, 2, "bad again")
	other, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	if first != again || first == other {
		t.Errorf("ids are %q, %q and %q", first, again, other)
	}
	if none, err := h.SetAside(t.Context(), "web", 9, ""); none != "" || err != nil {
		t.Errorf("no data give %q, %v", none, err)
	}
}

func TestSetAsideGoesOnAfterACrash(t *testing.T) {
	h := newHost(t)
	h.withData(t, 2, "bad")
	begun, err := h.BeginAside("web", 2)
	must(t, err)
	if items, err := h.Aside(""); err != nil || len(items) != 0 {
		t.Errorf("what has not moved is listed: %v, %v", items, err)
	}
	id, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	items, err := h.Aside("")
	must(t, err)
	if id != begun || len(items) != 1 || items[0].Version != "2.0" {
		t.Errorf("begun as %q, ended as %q: %+v", begun, id, items)
	}
}

func TestRestoreAsideLosesNothing(t *testing.T) {
	h := newHost(t)
	h.installed(t, 1, "1.0")
	h.withData(t, 2, "bad")
	id, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	h.withData(t, 1, "good")
	for range 2 {
		must(t, h.RestoreAside(t.Context(), id, 1))
		if got := h.data(t, 1); got != "bad" {
			t.Errorf("data are %q", got)
		}
	}
	items, err := h.Aside("web")
	must(t, err)
	if len(items) != 1 || items[0].Revision != 1 || items[0].Version != "1.0" {
		t.Fatalf("set aside in turn: %+v", items)
	}
	must(t, h.RestoreAside(t.Context(), items[0].ID, 1))
	if got := h.data(t, 1); got != "good" {
		t.Errorf("data are %q", got)
	}
	if err := h.RestoreAside(t.Context(), "never", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown id gives %v", err)
	}
}

func TestAsideOnAnotherDiskIsCopied(t *testing.T) {
	h := newHost(t)
	disktest.Small(t, h.dirs.Data("web"), "size=1m")
	h.withData(t, 2, "bad")
	id, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	if h.data(t, 2) != "" {
		t.Error("the data are still there")
	}
	must(t, h.RestoreAside(t.Context(), id, 2))
	if got := h.data(t, 2); got != "bad" {
		t.Errorf("data are %q", got)
	}
}

func TestPurgeRemovesAllDataOfOnePackage(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "one")
	h.withData(t, 2, "two")
	must(t, h.EnsureData("other", 1, -1))
	_, err := h.SetAside(t.Context(), "web", 2, "2.0")
	must(t, err)
	_, err = h.SetAside(t.Context(), "other", 1, "1.0")
	must(t, err)
	for range 2 {
		must(t, h.Purge("web"))
	}
	items, err := h.Aside("")
	must(t, err)
	if len(items) != 1 || items[0].Package != "other" {
		t.Errorf("aside: %+v", items)
	}
	if left := below(t, h.dirs.Data("web")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEnsureDataLeavesWhatIsThere(t *testing.T) {
	h := newHost(t)
	h.withData(t, 1, "content")
	must(t, os.Chmod(h.dirs.DataRevision("web", 1), 0o750))
	must(t, h.EnsureData("web", 1, os.Geteuid()))
	fi, err := os.Stat(h.dirs.DataRevision("web", 1))
	must(t, err)
	if fi.Mode().Perm() != 0o750 || h.data(t, 1) != "content" {
		t.Errorf("mode is %v, content %q", fi.Mode(), h.data(t, 1))
	}
	fi, err = os.Stat(h.dirs.DataCommon("web"))
	must(t, err)
	if fi.Mode().Perm() != 0o700 {
		t.Errorf("common data have mode %v", fi.Mode())
	}
}
