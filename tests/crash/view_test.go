package crash

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

// patience bounds the wait for what never comes.
const patience = 30 * time.Second

// view is all that can be seen of a host at rest, a line a fact: what pkgd says
// of it, what the kernel runs, and what lies on the disk.
type view []string

// look waits until nothing is under way and gives the view.
func (h *host) look() (v view) {
	h.Helper()
	h.Settle("")
	list, err := h.Client.Packages(h.Ctx())
	if err != nil {
		h.Fatalf("%v\n%s", err, h.Said)
	}
	for _, p := range list {
		v = append(v, h.lookAt(p.Name)...)
	}
	n, rev := h.Serving()
	v = append(v, fmt.Sprintf("kernel: %d services of revision %s", n, rev))
	items, err := h.Client.Data(h.Ctx(), "web")
	if err != nil && len(list) > 0 {
		h.Fatalf("%v\n%s", err, h.Said)
	}
	for _, it := range items {
		v = append(v, fmt.Sprintf("set aside: of revision %d, %d bytes", it.Revision, it.Bytes))
	}
	return append(v, h.tree()...)
}

// lookAt is what pkgd says of one package, whose hook is asked now.
func (h *host) lookAt(name string) (v view) {
	h.Helper()
	if _, err := h.Client.Check(h.Ctx(), api.HealthRequest{Names: []string{name}}); err != nil {
		h.Fatalf("%v\n%s", err, h.Said)
	}
	p, err := h.Client.Package(h.Ctx(), name)
	if err != nil {
		h.Fatalf("%v\n%s", err, h.Said)
	}
	v = append(v, fmt.Sprintf("%s %s (%d): %s, held %t, change %q, asks %q", name, p.Version, p.Revision, p.Status, p.Held, p.Change, p.Question))
	for _, r := range p.Revisions {
		v = append(v, fmt.Sprintf("%s revision %d: version %s, %s", name, r.Revision, r.Version, r.State))
	}
	for _, s := range p.Services {
		v = append(v, fmt.Sprintf("%s service %s: %s, enabled %t", name, s.Name, s.State, s.Enabled))
	}
	doc, err := h.Client.Config(h.Ctx(), name, nil)
	if err != nil {
		h.Fatalf("%v\n%s", err, h.Said)
	}
	return append(v, fmt.Sprintf("%s configuration: %s", name, doc))
}

// tree lists what lies below var, with what is in small files.
func (h *host) tree() (v view) {
	h.Helper()
	top := filepath.Join(h.Dirs.Root, "var")
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(top, path)
		if strings.HasPrefix(name, "lib/pkgd/state.db") || name == "lib/pkgd/lock" {
			return nil
		}
		v = append(v, "disk: "+h.line(path, name, e))
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	slices.Sort(v)
	return v
}

func (h *host) line(path, name string, e fs.DirEntry) string {
	name = h.anonymous(name)
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
	return name + ": " + h.Read(path)
}

// anonymous takes what is random out of names of data that were set aside.
func (h *host) anonymous(name string) string {
	rest, ok := strings.CutPrefix(name, "lib/pkgd/reverted-data/")
	if !ok {
		return name
	}
	_, rest, _ = strings.Cut(rest, "/")
	return filepath.Join("lib/pkgd/reverted-data/ID", rest)
}

// comesTo waits until the host looks like one of the views that may be, and
// tells which: services that a start brings back may take a moment.
func (h *host) comesTo(may map[string]view) (name string) {
	h.Helper()
	for over := time.Now().Add(patience); ; {
		got := h.look()
		for name, want := range may {
			if slices.Equal(want, got) {
				return name
			}
		}
		if time.Now().After(over) {
			h.Fatalf("the host is as it must never be:\n%s\n%s", differences(may, got), h.Said)
		}
	}
}

func differences(may map[string]view, got view) (text string) {
	for name, want := range may {
		text += fmt.Sprintf("differs from %s (-want +got):\n%s", name, cmp.Diff(want, got))
	}
	return text
}
