package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/tests/world"
)

var (
	fsyncs = flag.Bool("fsyncs", false, "take out one fsync after the other, and see the power cuts find it")
	given  = flag.String("bin", "", "folder of the programs under test; empty: they are built")
)

// fsync is a place in the source where something is made durable, and what it
// becomes when that is left out.
type fsync struct {
	name     string
	file     string // below the module
	old, new string
	cuts     string // the power cuts that have to find it: file system and deed
}

// found are the fsyncs that a power cut is known to find when they are left out.
var found = []fsync{
	{"data pages and header of the state", "overlord/state/store.go", "NoStatistics: true,", "NoStatistics: true, NoSync: true,", "xfs refresh"},
	{"content of a package", "internal/pkgfile/place.go", "return digest, disk.SyncFS(temp)", "return digest, nil", "xfs install"},
	{"new name of what was renamed", "internal/disk/disk.go", "if err := SyncDir(filepath.Dir(to)); err != nil {\n\t\treturn err\n\t}", "", "xfs refresh"},
	{"name of a new folder", "internal/disk/disk.go", "return SyncDir(parent)", "return nil", "xfs install"},
	{"note of a copy that has ended", "overlord/pkgstate/backend/snapshot.go", "return disk.SyncDir(b.dirs.Data(name))", "return nil", "xfs refresh"},
	{"link that was removed", "overlord/pkgstate/backend/content.go", "return disk.SyncDir(b.dirs.Package(name)) // also", "return nil // also", "btrfs remove"},
	{"contents of a file that is replaced", "internal/disk/disk.go", "err = f.Sync()", "err = nil", "xfs refresh that is taken back"},
}

func TestAPowerCutFindsAnFsyncThatIsLeftOut(t *testing.T) {
	requires(t, "mkfs.xfs")
	if !*fsyncs {
		t.Skip("fsyncs are taken out with -fsyncs only")
	}
	for _, f := range found {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel() // a host that has been lost is waited for
			by := f.leftOut(t)
			if by == "" {
				t.Errorf("%s: no power cut finds that it is not synced", f.file)
			}
			world.Report(t, "no fsync of: "+f.name, f.file, 1, "found by "+by)
		})
	}
}

// leftOut runs the power cuts against a pkgd without that fsync, and gives the
// name of the one that fails.
func (f fsync) leftOut(t *testing.T) (found string) {
	t.Helper()
	cmd := command(t, os.Args[0], "-test.run=^TestPowerCutAtEveryFlush$/^"+strings.ReplaceAll(f.cuts, " ", "_")+"$",
		"-test.failfast", "-test.v", "-faults", "-bin", f.build(t))
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("no tests to run")) {
		t.Fatalf("there is no such test: %s", f.cuts)
	}
	if err == nil {
		return ""
	}
	for _, m := range regexp.MustCompile(`--- FAIL: (\S+)`).FindAllSubmatch(out, -1) {
		if len(m[1]) > len(found) {
			found = string(m[1])
		}
	}
	if found == "" {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimPrefix(found, "TestPowerCutAtEveryFlush/")
}

// command is bounded: a program that hangs is no proof.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// build makes the programs without that fsync.
func (f fsync) build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	source, err := filepath.Abs("../../" + f.file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), f.old) != 1 {
		t.Fatalf("%s has %q not once", f.file, f.old)
	}
	without := strings.Replace(string(text), f.old, f.new, 1)
	mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(mutant, []byte(without), 0o644); err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(map[string]map[string]string{"Replace": {source: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, doc, 0o644); err != nil {
		t.Fatal(err)
	}
	build := command(t, "go", "build", "-overlay", overlay, "-o", dir+"/", "pkgd.io/pkgd/cmd/pkgd", "pkgd.io/pkgd/cmd/ctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build without it: %v\n%s", err, out)
	}
	return dir
}
