package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/needs"
)

// commands are all words that the help of pkgd lists, with those of debug.
func commands(t *testing.T) (paths []string) {
	t.Helper()
	p := newPerson(t, shortDir(t))
	for _, group := range []string{"", "debug"} {
		words := append([]string{"help"}, strings.Fields(group)...)
		for line := range strings.Lines(p.types(words...).stdout) {
			word, _, ok := strings.Cut(strings.TrimPrefix(line, "  "), "  ")
			if ok && strings.HasPrefix(line, "  ") && !strings.HasPrefix(word, "-") && strings.ToLower(word) == word && word != "" {
				paths = append(paths, strings.TrimSpace(group+" "+word))
			}
		}
	}
	if len(paths) < 35 {
		t.Fatalf("only %d commands: %v", len(paths), paths)
	}
	return paths
}

func TestEveryCommandOfTheDesignIsThere(t *testing.T) {
	have := map[string]bool{}
	for _, path := range commands(t) {
		have[path] = true
	}
	for want := range strings.FieldsSeq(`run demo install refresh revert remove list info health check why hold unhold get set unset
		start stop restart services logs exec changes tasks watch abort warnings okay data init pack try lint debug version help completion`) {
		if !have[want] {
			t.Errorf("there is no command %q", want)
		}
	}
	for _, later := range []string{"publish", "fleet"} {
		if r := newPerson(t, shortDir(t)).types(later); r.code != 2 {
			t.Errorf("%s exits %d: what is not there is wrong usage", later, r.code)
		}
	}
}

func TestHelpFitsEightyColumnsAndExplainsEveryCommand(t *testing.T) {
	p := newPerson(t, shortDir(t))
	for _, path := range append(commands(t), "") {
		r := p.types(append([]string{"help"}, strings.Fields(path)...)...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("help %s: %+v", path, r)
		}
		for line := range strings.Lines(r.stdout) {
			if line = strings.TrimRight(line, "\n"); utf8.RuneCountInString(line) > 80 || strings.HasSuffix(line, " ") {
				t.Errorf("help %s: line %q", path, line)
			}
		}
		if path == "" {
			continue
		}
		same := p.types(append(strings.Fields(path), "--help")...)
		if diff := cmp.Diff(r.stdout, same.stdout); diff != "" {
			t.Errorf("%s --help is not help %s:\n%s", path, path, diff)
		}
	}
}

func TestHelpIsWhatPkgdSaysWithoutAWord(t *testing.T) {
	p := newPerson(t, shortDir(t))
	want := p.types("help").stdout
	for _, args := range [][]string{{}, {"-h"}, {"--help"}, {"--help", "--no-color"}} {
		if r := p.types(args...); r.code != 0 || r.stdout != want {
			t.Errorf("%v: exit %d, %s", args, r.code, cmp.Diff(want, r.stdout))
		}
	}
}

func TestVersionIsPkgdAndAVersion(t *testing.T) {
	p := newPerson(t, shortDir(t))
	r := p.types("version")
	name, v, _ := strings.Cut(strings.TrimSpace(r.stdout), " ")
	if r.code != 0 || name != "pkgd" || v == "" {
		t.Errorf("got %+v", r)
	}
	if same := p.types("--version"); same != r {
		t.Errorf("--version says %+v", same)
	}
	if r := p.types("version", "--format=json"); !strings.Contains(r.stdout, `"version": "`+v+`"`) {
		t.Errorf("got %+v", r)
	}
}

// The page in the tree is the one that this program prints.
func TestReferenceOfTheCommandLineIsCurrent(t *testing.T) {
	const page = "../../docs/reference/cli.md"
	r := newPerson(t, shortDir(t)).types("debug", "reference")
	if *update {
		if err := os.WriteFile(page, []byte(r.stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), r.stdout); diff != "" {
		t.Errorf("%s is not current (go test ./internal/cli -update):\n%s", page, diff)
	}
}

func TestManPagesAreThereForEveryCommandAndWithoutFault(t *testing.T) {
	dir := shortDir(t)
	if r := newPerson(t, shortDir(t)).types("debug", "man", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	pages := []string{"pkgd.1"}
	for _, path := range commands(t) {
		pages = append(pages, "pkgd-"+strings.ReplaceAll(path, " ", "-")+".1")
	}
	for i, page := range pages {
		pages[i] = filepath.Join(dir, page)
		b, err := os.ReadFile(pages[i])
		if err != nil || !strings.HasPrefix(string(b), ".TH ") {
			t.Errorf("%s: %v, begins with %.40q", page, err, b)
		}
	}
	groff := needs.Program(t, "groff", "groff-base")
	out, err := exec.Command(groff, append([]string{"-man", "-Tutf8", "-ww", "-z"}, pages...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("groff: %v: %s", err, out)
	}
}

func TestStartUpDoesNotLookForADaemon(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"version"}, {"completion", "bash"}, {"debug", "man"}, {"debug", "reference"}} {
		if r := newPerson(t, shortDir(t)).types(args...); r.code != 0 || r.stderr != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
}
