package world

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
)

// View is all that can be seen of a host at rest, a line a fact: what pkgd says
// of it, what the kernel runs, and what lies on the disk.
type View []string

// Look waits until nothing is under way and gives the view.
func (w *World) Look() (v View) {
	w.Helper()
	w.Settle("")
	list, err := w.Client.Packages(w.Ctx())
	if err != nil {
		w.Fatalf("%v\n%s", err, w.Said)
	}
	for _, p := range list {
		v = append(v, w.lookAt(p.Name)...)
	}
	v = append(v, fmt.Sprintf("kernel: services %v", w.Instances()))
	for _, p := range list {
		items, err := w.Client.Data(w.Ctx(), p.Name)
		if err != nil {
			w.Fatalf("%v\n%s", err, w.Said)
		}
		for _, it := range items {
			v = append(v, fmt.Sprintf("set aside: of %s, revision %d, %d bytes", p.Name, it.Revision, it.Bytes))
		}
	}
	return slices.DeleteFunc(append(v, w.tree()...), func(fact string) bool {
		return slices.ContainsFunc(w.Blind, func(part string) bool { return strings.Contains(fact, part) })
	})
}

// lookAt is what pkgd says of one package, whose hook is asked now.
func (w *World) lookAt(name string) (v View) {
	w.Helper()
	if _, err := w.Client.Check(w.Ctx(), api.HealthRequest{Names: []string{name}}); err != nil {
		w.Fatalf("%v\n%s", err, w.Said)
	}
	p, err := w.Client.Package(w.Ctx(), name)
	if err != nil {
		w.Fatalf("%v\n%s", err, w.Said)
	}
	v = append(v, fmt.Sprintf("%s %s (%d): %s, held %t, change %q, asks %q", name, p.Version, p.Revision, p.Status, p.Held, p.Change, p.Question))
	for _, r := range p.Revisions {
		v = append(v, fmt.Sprintf("%s revision %d: version %s, %s", name, r.Revision, r.Version, r.State))
	}
	for _, s := range p.Services {
		v = append(v, fmt.Sprintf("%s service %s: %s, enabled %t", name, s.Name, s.State, s.Enabled))
	}
	doc, err := w.Client.Config(w.Ctx(), name, nil)
	if err != nil {
		w.Fatalf("%v\n%s", err, w.Said)
	}
	return append(v, fmt.Sprintf("%s configuration: %s", name, doc))
}

// tree lists what lies below var, with what is in small files.
func (w *World) tree() (v View) {
	w.Helper()
	top := filepath.Join(w.Dirs.Root, "var")
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(top, path)
		if strings.HasPrefix(name, "lib/pkgd/state.db") || name == "lib/pkgd/lock" {
			return nil
		}
		v = append(v, "disk: "+w.line(path, name, e))
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.Sort(v)
	return v
}

func (w *World) line(path, name string, e fs.DirEntry) string {
	name = w.anonymous(name)
	if e.Type()&fs.ModeSymlink != 0 {
		to, _ := os.Readlink(path)
		return name + " -> " + to
	}
	if e.IsDir() {
		return name + "/"
	}
	if filepath.Base(name) == "about.json" { // says when
		return name
	}
	return name + ": " + w.Read(path)
}

// anonymous takes what is random out of names of data that were set aside.
func (w *World) anonymous(name string) string {
	rest, ok := strings.CutPrefix(name, "lib/pkgd/reverted-data/")
	if !ok {
		return name
	}
	_, rest, _ = strings.Cut(rest, "/")
	return filepath.Join("lib/pkgd/reverted-data/ID", rest)
}

// ComesTo waits until the host looks like one of the views that may be, and
// tells which: services that a start brings back may take a moment.
func (w *World) ComesTo(may map[string]View) (name string) {
	w.Helper()
	for over := time.Now().Add(settling); ; {
		got := w.Look()
		for name, want := range may {
			if slices.Equal(want, got) {
				return name
			}
		}
		if time.Now().After(over) {
			w.Fatalf("the host is as it must never be:\n%s\n%s", differences(may, got), w.Said)
		}
	}
}

func differences(may map[string]View, got View) (text string) {
	for name, want := range may {
		text += fmt.Sprintf("differs from %s (-want +got):\n%s", name, cmp.Diff(want, got))
	}
	return text
}
