package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/store"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put packs name and version into the file at dir/file.
func put(t testing.TB, dir, file, name, version string) {
	t.Helper()
	src := t.TempDir()
	must(t, os.Mkdir(filepath.Join(src, "meta"), 0o755))
	must(t, os.WriteFile(filepath.Join(src, "meta/pkg.yaml"), fmt.Appendf(nil, "name: %s\nversion: %q\n", name, version), 0o644))
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
	f, err := os.Create(filepath.Join(dir, file))
	must(t, err)
	defer f.Close()
	_, err = pkgfile.Pack(src, f)
	must(t, err)
}

func open(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := store.OpenDir(dir)
	must(t, err)
	return s
}

func TestFindGivesTheHighestVersionOfTheChannel(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "stable/web_1.9.0.pkg", "web", "1.9.0")
	put(t, dir, "stable/web_1.10.0.pkg", "web", "1.10.0")
	put(t, dir, "stable/web_1.10.0-rc.1.pkg", "web", "1.10.0-rc.1")
	put(t, dir, "web_1.2.pkg", "web", "1.2")
	put(t, dir, "edge/web_2.0.pkg", "web", "2.0")
	s := open(t, dir)
	for channel, want := range map[string]string{"": "stable/web_1.10.0.pkg", "stable": "stable/web_1.10.0.pkg", "edge": "edge/web_2.0.pkg"} {
		e, err := s.Find(t.Context(), "web", channel)
		must(t, err)
		if e.Path != filepath.Join(dir, want) {
			t.Errorf("channel %q gives %+v", channel, e)
		}
	}
}

func TestFilesInTheFolderItselfAreStable(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	e, err := open(t, dir).Find(t.Context(), "web", "")
	must(t, err)
	want := store.Entry{Name: "web", Version: "1.0", Channel: "stable", Path: filepath.Join(dir, "web_1.0.pkg"), Store: dir}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
}

func TestFindRefusesAFileWhoseNameLies(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_9.0.pkg", "web", "1.0")
	_, err := open(t, dir).Find(t.Context(), "web", "")
	if err == nil || !strings.Contains(err.Error(), "in it is web 1.0; rename it to web_1.0.pkg") {
		t.Errorf("got %v", err)
	}
}

func TestFindPassesOverWhatItCannotReadAndSaysWhy(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	must(t, os.WriteFile(filepath.Join(dir, "web_2.0.pkg"), []byte("half an uplo"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "web_3.0.pkg"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "web_.pkg"), nil, 0o644))
	e, err := open(t, dir).Find(t.Context(), "web", "")
	must(t, err)
	if e.Version != "1.0" || len(e.Skipped) != 2 || !strings.Contains(e.Skipped[1], "web_2.0.pkg: not a .pkg file") {
		t.Errorf("got %+v", e)
	}
}

func TestFindNamesTheNearestPackageAndChannel(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	put(t, dir, "candidate/web_1.0.pkg", "web", "1.0")
	s := open(t, dir)
	_, err := s.Find(t.Context(), "wbe", "")
	if want := fmt.Sprintf(`store %s has no package "wbe" in channel "stable"; did you mean "web"?`, dir); fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
	_, err = s.Find(t.Context(), "web", "candidat")
	if want := fmt.Sprintf(`store %s has no channel "candidat"; did you mean "candidate"?`, dir); fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[*store.NotFoundError](err); !ok {
		t.Errorf("%T is no NotFoundError", err)
	}
}

func TestNamesListsThePackagesOfAllChannels(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	put(t, dir, "edge/db_1.0.pkg", "db", "1.0")
	put(t, dir, "edge/web_2.0.pkg", "web", "2.0")
	must(t, os.WriteFile(filepath.Join(dir, "README"), nil, 0o644))
	names, err := open(t, dir).Names(t.Context())
	must(t, err)
	if diff := cmp.Diff([]string{"db", "web"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFetchCopiesWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	s := open(t, dir)
	e, err := s.Find(t.Context(), "web", "")
	must(t, err)
	to := t.TempDir()
	must(t, s.Fetch(t.Context(), e, filepath.Join(to, "x.pkg")))
	if info, err := pkgfile.ReadInfo(filepath.Join(to, "x.pkg")); err != nil || info.Version != "1.0" {
		t.Errorf("got %+v, %v", info, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Fetch(ctx, e, filepath.Join(to, "y.pkg")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(to); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAStoreMayAppearLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	s := open(t, dir)
	if _, err := s.Find(t.Context(), "web", ""); err == nil || !strings.Contains(err.Error(), "cannot look into store "+dir) {
		t.Errorf("got %v", err)
	}
	put(t, dir, "web_1.0.pkg", "web", "1.0")
	if _, err := s.Find(t.Context(), "web", ""); err != nil {
		t.Error(err)
	}
}

func TestOpenDirRefusesWhatCannotBeAStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o644))
	for _, dir := range []string{"relative", file} {
		if _, err := store.OpenDir(dir); err == nil {
			t.Errorf("OpenDir(%q) has no error", dir)
		}
	}
}
