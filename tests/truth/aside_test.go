package truth

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
)

// aside is data that were set aside, never deleted at once.
type aside struct {
	rev  int
	data string
}

// wrote is what a revision has written, as it is set aside.
func (p *pack) wrote(rev int) []aside {
	data, there := p.data[rev]
	if !there || p.shared {
		return nil
	}
	return []aside{{rev, strings.Join(data, " ")}}
}

// setAside takes the data of a revision out of the way, unless they are those of
// another one.
func (p *pack) setAside(rev, other int) {
	if rev == other || p.shared {
		return
	}
	p.asides = append(slices.Clone(p.asides), p.wrote(rev)...)
	p.data = maps.Clone(p.data)
	delete(p.data, rev)
}

func sorted(list []aside) []aside {
	return slices.SortedFunc(slices.Values(list), func(a, b aside) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

// takeOut drops data that were set aside, or brings them back: what they replace
// is set aside in turn.
func (p *pack) takeOut(d deed) answer {
	if len(p.asides) == 0 {
		return answer{}
	}
	list := sorted(p.asides)
	it := list[d.n%len(list)]
	i := slices.Index(p.asides, it)
	p.asides = slices.Delete(slices.Clone(p.asides), i, i+1)
	if d.do == "restore" {
		p.setAside(p.current, 0)
		p.data[p.current] = strings.Fields(it.data)
		p.start()
	}
	return answer{aside: it, look: true}
}

// asides are what pkgd has set aside of a package, by id.
func (w *world) asides(name string) map[string]aside {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	items, err := w.c.Data(ctx, name)
	if kindOf(err) == api.ErrNotInstalled {
		return nil // this host never had it
	}
	w.must(err)
	found := map[string]aside{}
	for _, it := range items {
		trail, err := os.ReadFile(filepath.Join(w.dirs.RevertedData(), it.ID, "data", "trail"))
		if !os.IsNotExist(err) {
			w.must(err)
		}
		found[it.ID] = aside{it.Revision, strings.Join(strings.Fields(string(trail)), " ")}
	}
	return found
}

func (w *world) takesOut(d deed, it aside) {
	w.Helper()
	for id, found := range w.asides(d.pkg) {
		if found == it {
			ctx, cancel := w.ctx()
			defer cancel()
			w.must(w.c.DataAction(ctx, d.pkg, api.DataRequest{Action: d.do, ID: id}))
			return
		}
	}
	w.fail("nothing is set aside as %v", it)
}

// compareData looks at the data of all revisions and at those set aside.
func (w *world) compareData(name string, p *pack) {
	w.Helper()
	got := sorted(slices.Collect(maps.Values(w.asides(name))))
	if diff := cmp.Diff(sorted(p.asides), got, cmp.AllowUnexported(aside{})); diff != "" {
		w.fail("set aside of %s (-model +pkgd):\n%s", name, diff)
	}
	if p.shared {
		return
	}
	want, folders := []string{}, []string{}
	for rev := range p.data {
		want = append(want, strconv.Itoa(rev))
	}
	entries, err := os.ReadDir(w.dirs.Data(name))
	if !os.IsNotExist(err) {
		w.must(err)
	}
	for _, e := range entries {
		if e.Name() != "common" {
			folders = append(folders, e.Name())
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, folders); diff != "" {
		w.fail("folders of data of %s (-model +pkgd):\n%s", name, diff)
	}
}
