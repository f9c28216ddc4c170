package pkgfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"pkgd.io/pkgd/internal/pkginfo"
)

// Bounds of one path. They are far below the kernel's, so that a tree fits
// wherever it is put.
const (
	maxPath   = 1024 // bytes
	maxName   = 255  // bytes of one element
	maxDepth  = 64
	maxTarget = 1024
	maxHops   = 40 // links in a row, as in the kernel
	maxSteps  = 10_000_000
)

type kind byte

const (
	dir kind = iota + 1
	file
	link
)

func (k kind) String() string { return [...]string{"", "a folder", "a file", "a link"}[k] }

// entry is one thing in a tree.
type entry struct {
	path    string // slash-separated, relative, clean
	kind    kind
	exec    bool   // of a file
	size    int64  // of a file
	target  string // of a link
	implied bool   // a folder only known from what lies in it
}

// tree is what a package holds. Entries may come in any order; add checks what
// each one alone and its relation to those before it tell, checkLinks what only
// all of them tell.
type tree struct {
	limits  Limits
	entries map[string]*entry
	folded  map[string]string // path without regard to case → path
	bytes   int64
	steps   int // spent on following links
}

func newTree(l Limits) *tree {
	return &tree{limits: l.withDefaults(), entries: map[string]*entry{}, folded: map[string]string{}}
}

func (t *tree) add(e *entry) error {
	if err := checkPath(e.path); err != nil {
		return err
	}
	if err := t.addParents(e.path); err != nil {
		return err
	}
	if was := t.entries[e.path]; was != nil {
		if was.implied && e.kind == dir {
			was.implied = false
			return nil
		}
		return t.conflict(was, e)
	}
	if e.kind == link {
		if err := checkTarget(e); err != nil {
			return err
		}
	}
	return t.put(e)
}

func (t *tree) conflict(was, e *entry) error {
	if was.kind == e.kind {
		return fmt.Errorf("%q is there twice", e.path)
	}
	return fmt.Errorf("%q is %v and %v", e.path, was.kind, e.kind)
}

// addParents makes sure that everything above p is a folder.
func (t *tree) addParents(p string) error {
	parent := path.Dir(p)
	if parent == "." {
		return nil
	}
	if e := t.entries[parent]; e != nil {
		if e.kind != dir {
			return fmt.Errorf("%q is %v, but %q lies in it", parent, e.kind, p)
		}
		return nil
	}
	if err := t.addParents(parent); err != nil {
		return err
	}
	return t.put(&entry{path: parent, kind: dir, implied: true})
}

func (t *tree) put(e *entry) error {
	key := fold(e.path)
	if other, taken := t.folded[key]; taken {
		return fmt.Errorf("%q and %q differ only in upper and lower case", other, e.path)
	}
	if len(t.entries) >= t.limits.Files {
		return fmt.Errorf("the package has more than %d entries", t.limits.Files)
	}
	if e.size < 0 || e.size > t.limits.Bytes-t.bytes {
		return fmt.Errorf("the package's files have more than %d bytes", t.limits.Bytes)
	}
	t.bytes += e.size
	t.folded[key] = e.path
	t.entries[e.path] = e
	return nil
}

// canonical gives the entries in the order of the canonical tar.
func (t *tree) canonical() []*entry {
	all := make([]*entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return comparePaths(a.path, b.path) })
	return all
}

func comparePaths(a, b string) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// rank puts the manifest first.
func rank(p string) int {
	if p == path.Dir(pkginfo.ManifestPath) || p == pkginfo.ManifestPath {
		return 0
	}
	return 1
}

func checkPath(p string) error {
	switch {
	case !fs.ValidPath(p) || p == ".":
		return fmt.Errorf("%q is not a path inside of the package", p)
	case len(p) > maxPath:
		return fmt.Errorf("path %q… has more than %d bytes", p[:40], maxPath)
	case strings.Count(p, "/") >= maxDepth:
		return fmt.Errorf("path %q… is deeper than %d folders", p[:40], maxDepth)
	case strings.ContainsFunc(p, unicode.IsControl):
		return fmt.Errorf("path %q has control characters in it", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > maxName {
			return fmt.Errorf("name %q… has more than %d bytes", name[:40], maxName)
		}
	}
	return nil
}

// checkTarget refuses what can be seen from the link alone.
func checkTarget(e *entry) error {
	switch {
	case e.target == "" || len(e.target) > maxTarget || strings.ContainsFunc(e.target, invalid):
		return fmt.Errorf("link %q has an unusable target", e.path)
	case path.IsAbs(e.target):
		return fmt.Errorf("link %q leads to %q: links have to be relative and stay inside of the package", e.path, e.target)
	case !fs.ValidPath(path.Join(path.Dir(e.path), e.target)):
		return escapes(e)
	}
	return nil
}

func invalid(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }

func escapes(e *entry) error {
	return fmt.Errorf("link %q leads out of the package, to %q", e.path, e.target)
}

// checkLinks follows every link through the whole tree: a target may look
// harmless and lead out by way of another link. One that leads nowhere is
// allowed, one that leads to itself is not.
func (t *tree) checkLinks() error {
	for _, e := range t.canonical() {
		if e.kind != link {
			continue
		}
		if err := t.follow(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) follow(e *entry) error {
	at, hops := path.Dir(e.path), 0
	rest := strings.Split(e.target, "/")
	for len(rest) > 0 {
		if t.steps++; t.steps > maxSteps {
			return errors.New("the package's links lead to each other too often")
		}
		name := rest[0]
		rest = rest[1:]
		next := path.Join(at, name)
		switch found := t.entries[next]; {
		case name == ".." && at == ".":
			return escapes(e)
		case name == "" || name == "." || name == "..":
			at = next
		case found == nil:
			return nil
		case found.kind == link:
			if hops++; hops > maxHops {
				return fmt.Errorf("link %q leads to itself", e.path)
			}
			rest = append(strings.Split(found.target, "/"), rest...)
		default:
			at = next
		}
	}
	return nil
}

// fold gives strings that differ only in case the same key.
func fold(s string) string {
	return strings.Map(func(c rune) rune {
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
