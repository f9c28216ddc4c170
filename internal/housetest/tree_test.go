package housetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder, seen from this one.
const root = "../.."

// sources lists the Go files of each folder in the tree, without tests and
// without what the go command passes over.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	folders := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && passedOver(d.Name()) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func passedOver(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func TestEveryPackageIntroducesItselfOnce(t *testing.T) {
	for folder, files := range sources(t) {
		var intros, names []string
		for _, path := range files {
			f := parse(t, path)
			names = append(names, f.Name.Name)
			if f.Doc != nil {
				intros = append(intros, f.Doc.Text())
			}
		}
		if len(intros) != 1 {
			t.Errorf("%s introduces itself %d times: write one package comment", folder, len(intros))
			continue
		}
		if want := opening(folder, names[0]); !strings.HasPrefix(intros[0], want) {
			t.Errorf("%s introduces itself as %.40q: begin with %q", folder, intros[0], want)
		}
	}
}

// parse reads a file up to its imports. A file that was there a moment ago may
// be gone; the test then speaks of nothing.
func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// opening is how a package's comment begins; a program's names its folder.
func opening(folder, name string) string {
	if name == "main" {
		return "Command " + filepath.Base(folder) + " "
	}
	return "Package " + name + " "
}

func TestNothingIsAddedAtTheTop(t *testing.T) {
	known := strings.Fields("cmd overlord hookrunner healthstate snapctl tests go.mod go.sum run-checks " +
		"internal docs packaging README.md LICENSE CHANGELOG.md SECURITY.md CONTRIBUTING.md")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !ignored(e.Name()) && !slices.Contains(known, e.Name()) {
			t.Errorf("%s has no place at the top of the tree", e.Name())
		}
	}
}

// ignored are the places of built programs, which .gitignore names.
func ignored(name string) bool {
	return slices.Contains([]string{"pkgd", "ctl", "bin"}, name) || strings.HasSuffix(name, ".test") || strings.HasSuffix(name, ".prof")
}
