package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

// skeletonIn begins a package called hello and gives its folder.
func skeletonIn(t *testing.T, p *person) string {
	t.Helper()
	p.dir = shortDir(t)
	if r := p.types("init", "hello"); r.code != 0 {
		t.Fatalf("init: %+v", r)
	}
	return filepath.Join(p.dir, "hello")
}

func TestInitBeginsAPackageWithoutFault(t *testing.T) {
	p := newPerson(t, shortDir(t))
	dir := skeletonIn(t, p)
	if want := "hello/bin/serve\nhello/meta/hooks/check-health\nhello/meta/pkg.yaml\n"; p.stdout.String() != want {
		t.Errorf("init prints %q, want %q", p.stdout, want)
	}
	info, err := pkginfo.ReadTree(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Name != "hello" || len(info.Services) != 1 {
		t.Errorf("the manifest says %+v", info)
	}
	if r := p.types("lint", "./hello"); r.code != 0 || r.stdout != "no findings\n" {
		t.Errorf("lint says %+v", r)
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	p := newPerson(t, shortDir(t))
	dir := skeletonIn(t, p)
	mine := filepath.Join(dir, "meta/pkg.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := p.types("init", "hello"); r.code != 1 || !strings.Contains(r.stderr, "file exists") {
		t.Errorf("a second init says %+v", r)
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Errorf("my file is now %q (%v)", b, err)
	}
}

// The hook of the skeleton, with a ctl that writes down what it is told.
func TestSkeletonsHookSaysWaitingProperly(t *testing.T) {
	p := newPerson(t, shortDir(t))
	hook := filepath.Join(skeletonIn(t, p), "meta/hooks/check-health")
	data, bin := shortDir(t), shortDir(t)
	if err := os.WriteFile(filepath.Join(bin, "ctl"), []byte("#!/bin/sh\necho \"$2 $3\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ ready, schema, want string }{
		{"", "schema 2\n", "waiting --code=starting\n"},
		{"6\n", "schema 2\n", "waiting --code=starting\n"}, // of the revision before
		{"7\n", "schema 1\n", "active \n"},
		{"7\n", "schema 2\n", "error --code=wrong-schema\n"},
	} {
		for name, text := range map[string]string{"ready": test.ready, "data": test.schema} {
			if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(hook)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "PKG_DATA=" + data, "PKG_REVISION=7"}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != test.want {
			t.Errorf("with ready %q the hook says %q (%v), want %q", test.ready, out, err, test.want)
		}
	}
}

func TestPackWritesTheSameFileEveryTime(t *testing.T) {
	p := newPerson(t, shortDir(t))
	dir := skeletonIn(t, p)
	digest, err := pkgfile.Digest(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := p.types("pack", "hello")
	if r.code != 0 || !strings.HasPrefix(r.stdout, "hello_0.1.0.pkg  ") || !strings.Contains(r.stdout, digest) {
		t.Fatalf("pack says %+v; the digest is %s", r, digest)
	}
	if r := p.types("pack", "hello", "again.pkg", "--format=json"); r.code != 0 || !strings.Contains(r.stdout, digest) {
		t.Fatalf("pack says %+v", r)
	}
	first, err1 := os.ReadFile(filepath.Join(p.dir, "hello_0.1.0.pkg"))
	second, err2 := os.ReadFile(filepath.Join(p.dir, "again.pkg"))
	if err1 != nil || err2 != nil || !bytes.Equal(first, second) {
		t.Errorf("the files differ (%v, %v)", err1, err2)
	}
	if r := p.types("lint", "again.pkg"); r.code != 0 {
		t.Errorf("lint of the file says %+v", r)
	}
}

func TestPackLeavesNothingBehindWhenItFails(t *testing.T) {
	p := newPerson(t, shortDir(t))
	dir := skeletonIn(t, p)
	if err := os.WriteFile(filepath.Join(dir, "meta/pkg.yaml"), []byte("name: hello\nversion: 1\nnonsense: true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := p.types("pack", "hello")
	if r.code != 1 || !strings.Contains(r.stderr, "meta/pkg.yaml:3:1") {
		t.Errorf("pack says %+v", r)
	}
	files, err := os.ReadDir(p.dir)
	if err != nil || len(files) != 1 {
		t.Errorf("there are %v (%v)", files, err)
	}
}

func TestLintOfWhatIsNotThere(t *testing.T) {
	p := newPerson(t, shortDir(t))
	p.dir = shortDir(t)
	for _, test := range []struct{ what, want string }{
		{"hello", "error: cannot look over package \"hello\": package \"hello\" is not installed\n  a directory is written with a slash: pkgd lint ./hello\n"},
		{"./hello", "no such file or directory"},
		{"hello.pkg", "no such file or directory"},
	} {
		if r := p.types("lint", test.what); r.code != 1 || !strings.Contains(r.stderr, test.want) {
			t.Errorf("lint %s says %+v", test.what, r)
		}
	}
	if r := p.types("lint", ".", "--run", "--runs=1"); r.code != 2 {
		t.Errorf("--runs=1 says %+v", r)
	}
}

func TestTryInstallsAndThenRefreshes(t *testing.T) {
	d := newFakeDaemon(t)
	p := newPerson(t, d.root)
	dir := skeletonIn(t, p)
	d.answer("POST /v1/packages", `{"messages":["done"]}`)
	d.answer("GET /v1/packages/hello", `{"kind":"not-installed","message":"package \"hello\" is not installed"}`)
	if r := p.types("try", "hello"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	d.answer("GET /v1/packages/hello", `{"name":"hello"}`)
	if r := p.types("try", "hello"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	want := []string{
		`POST /v1/packages {"action":"install","targets":["` + dir + `"]}`,
		`POST /v1/packages {"action":"refresh","targets":["` + dir + `"],"retry-refused":true}`,
	}
	if got := d.requests(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// Each time it watches, the person does the next thing; it goes on after a tree
// that is no package.
func TestTryWatchRefreshesOnEveryChangeAndGoesOnAfterFailures(t *testing.T) {
	d := newFakeDaemon(t)
	p := newPerson(t, d.root)
	dir := skeletonIn(t, p)
	d.answer("POST /v1/packages", `{"messages":["done"]}`)
	d.answer("GET /v1/packages/hello", `{"name":"hello"}`)
	manifest, err := os.ReadFile(filepath.Join(dir, "meta/pkg.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	does := []func() error{
		func() error { return os.WriteFile(filepath.Join(dir, "meta/pkg.yaml"), []byte("nonsense"), 0o644) },
		func() error { return os.WriteFile(filepath.Join(dir, "meta/pkg.yaml"), manifest, 0o644) },
		func() error { return os.Mkdir(filepath.Join(dir, "new"), 0o755) },
		func() error { return os.WriteFile(filepath.Join(dir, "new/file"), nil, 0o644) },
	}
	watched := 0
	p.stderr.on = func(text string) {
		if n := strings.Count(text, "watching hello"); n > watched && n <= len(does) {
			watched = n
			if err := does[n-1](); err != nil {
				t.Error(err)
			}
		}
	}
	r := watchUntilStory(t, p, len(does)+1, "try", "hello", "--watch")
	if got := d.requests(); r.code != 0 || len(got) != len(does) {
		t.Errorf("exit %d, asked %q\n%s", r.code, got, r.stderr)
	}
	if !strings.Contains(r.stderr, "meta/pkg.yaml:1:1") {
		t.Errorf("the fault was not told: %s", r.stderr)
	}
}
