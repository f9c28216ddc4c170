package truth

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/api"
)

// play has a history happen to pkgd and to the model, and compares.
func play(t rapid.TB, history ...deed) {
	t.Helper()
	w, m := newWorld(t, history), newModel()
	defer w.end()
	for i, d := range history {
		w.deed, w.fresh = i+1, false
		a := m.step(d)
		w.perform(m, d, a)
		w.compare(m)
	}
}

// chronicle prints as what a named test can play.
type chronicle []deed

func (c chronicle) String() (text string) {
	for _, d := range c {
		text += "\t\tdeed" + d.String() + ",\n"
	}
	return text
}

func (w *world) perform(m model, d deed, a answer) {
	w.Helper()
	switch d.do {
	case "restart", "kill":
		w.signal(map[string]syscall.Signal{"restart": syscall.SIGTERM, "kill": syscall.SIGKILL}[d.do])
		w.start()
	case "auto":
		w.looksByItself(a)
	case "retain":
		w.retains(d.n)
	default:
		w.order(m, d, a)
	}
	for name, f := range a.loose {
		w.adopt(m[name], name, f)
	}
	w.minds(m)
	for name, p := range m {
		if a.look && p.current != 0 && (d.pkg == "" || d.pkg == name || len(a.parts) > 0) {
			w.serves(name, p)
			w.check(name)
			p.hear(p.rest())
		}
	}
}

// minds writes what all contents are to say from now on.
func (w *world) minds(m model) {
	w.Helper()
	for _, glob := range []string{"first-*", "back-*", "n-*", "block-*", "fail-*", "flap-*"} {
		w.clear(glob)
	}
	for name, p := range m {
		for v := range contents {
			key := name + "-" + strconv.Itoa(v)
			w.write("say-"+key, p.sayOf(v))
			w.there("down-"+key, p.down[v])
		}
	}
}

// prepare writes what the packages are to do while the deed happens.
func (w *world) prepare(d deed, a answer) {
	w.Helper()
	if len(a.parts) > 0 {
		for _, one := range a.parts {
			w.prepare(one.deed, one.answer)
		}
		return
	}
	key := func(v int) string { return d.pkg + "-" + strconv.Itoa(v) }
	if a.target != 0 {
		w.write("first-"+key(a.target), strings.Join(d.first, " "))
	}
	if d.do == "install" || d.do == "refresh" {
		w.write("say-"+key(d.v), a.say)
		w.there("down-"+key(d.v), d.down)
		w.there("flap-"+key(d.v), a.flaps)
	}
	if d.back != "" && a.old != 0 {
		w.write("back-"+key(a.old), a.back)
	}
	if d.fails != "" {
		w.write("fail-"+d.pkg, d.fails)
	}
	if a.held {
		w.write("block-"+d.pkg, d.at)
	}
}

// order gives the command that a deed is, and sees it through.
func (w *world) order(m model, d deed, a answer) {
	w.Helper()
	if a.change {
		w.prepare(d, a)
	}
	id, err := w.ask(d)
	if kind := kindOf(err); kind != a.refusal && (a.or == "" || kind != a.or) || (err != nil) != (a.refusal != "") {
		w.fail("it was refused with %q (%v), the model says %q", kind, err, a.refusal)
	}
	if d.do == "write" && err == nil {
		w.scribble(m, d)
	}
	if d.do == "app" && err == nil && a.exit >= 0 {
		w.speaks(d.pkg, d.call, a.exit)
	}
	if a.aside.rev != 0 {
		w.takesOut(d, a.aside)
	}
	if (id != "") != a.change {
		w.fail("change is %q, the model says that one begins: %v", id, a.change)
	}
	if id == "" {
		return
	}
	if a.held {
		w.holdUp(m, d, a, id)
	}
	chg := w.ended(id)
	if (chg.Status != "Done") != a.failed {
		w.fail("the change is %s (%s), the model says that it fails: %v", chg.Status, chg.Err, a.failed)
	}
}

func (w *world) scribble(m model, d deed) {
	w.Helper()
	p := m[d.pkg]
	f := p.folder(p.current)
	w.must(write(filepath.Join(w.dirs.DataRevision(d.pkg, f), "trail"), strings.Join(p.data[f], "\n")+"\n"))
}

// holdUp does what the deed wants done while its change is held up.
func (w *world) holdUp(m model, d deed, a answer, id string) {
	w.Helper()
	if len(a.parts) == 0 {
		a.parts = []part{{d, a}}
	}
	w.everybodyArrived(a, id)
	switch d.cut {
	case "abort":
		w.clear("block-*")
		ctx, cancel := w.ctx()
		defer cancel()
		w.must(w.c.Abort(ctx, id))
	case "app":
		for _, one := range a.parts {
			if one.up {
				w.speaks(one.pkg, "error", 0)
			}
		}
		w.letGo(a)
	case "check":
		w.checkMeanwhile(a)
	case "conflict":
		w.conflicts(d)
		w.letGo(a)
	case "kill", "stop":
		for i := range d.times {
			if i > 0 {
				w.everybodyArrived(a, id)
				w.checkFree(a)
			}
			w.signal(map[string]syscall.Signal{"stop": syscall.SIGTERM, "kill": syscall.SIGKILL}[d.cut])
			if i == d.times-1 {
				w.clear("block-*")
			}
			w.clear("n-*")
			w.start()
		}
	}
}

// conflicts asks for what nobody may do now, and for what everybody may.
func (w *world) conflicts(d deed) {
	w.Helper()
	for _, do := range []string{"revert", "remove", "set", "start"} {
		_, err := w.ask(deed{do: do, pkg: d.pkg, n: 1})
		if kind := kindOf(err); kind != api.ErrConflict && (do != "start" || kind != api.ErrNotFound) { // it may have no services
			w.fail("%s meanwhile: %v, want a conflict", do, err)
		}
	}
	if _, err := w.ask(deed{do: "hold", pkg: d.pkg}); err != nil {
		w.fail("hold meanwhile: %v", err)
	}
}

func (w *world) check(name string) {
	w.Helper()
	w.must(w.tryCheck(name))
}

func (w *world) tryCheck(name string) error {
	ctx, cancel := w.ctx()
	defer cancel()
	_, err := w.c.Check(ctx, api.HealthRequest{Names: []string{name}})
	return err
}

func (w *world) knows(name string, want word) {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	rec, err := w.c.Record(ctx, name)
	w.must(err)
	if rec.Status != want.status || rec.Code != want.code {
		w.fail("health of %s is %s %s (%s), the model says %s %s", name, rec.Status, rec.Code, rec.Message, want.status, want.code)
	}
}

// compare looks at all that can be seen of the packages.
func (w *world) compare(m model) {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	for name, p := range m {
		w.comparePackage(name, p)
		w.compareData(name, p)
		if p.why == nil {
			continue
		}
		why, err := w.c.Why(ctx, name)
		w.must(err)
		if diff := cmp.Diff(p.why.lines(), linesOf(why, p.why.rule != "")); diff != "" {
			w.fail("why %s (-model +pkgd):\n%s", name, diff)
		}
	}
	for _, glob := range []string{w.dirs.Staging() + "/*", w.dirs.Packages() + "/.*", w.dirs.Packages() + "/*/.*", w.dirs.Data("*") + "/.*"} {
		if left, err := filepath.Glob(glob); err != nil || len(left) > 0 {
			w.fail("left over: %v (%v)", left, err)
		}
	}
}

func (w *world) comparePackage(name string, p *pack) {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	var want, got []string
	w.serves(name, p)
	if p.up {
		want = []string{strconv.Itoa(p.current)}
	}
	if got = w.serving(name); !slices.Equal(want, got) {
		w.fail("services of revisions %v of %s run, the model says %v", got, name, want)
	}
	info, err := w.c.Package(ctx, name)
	if p.current == 0 {
		if kindOf(err) != api.ErrNotInstalled {
			w.fail("%s: %v, the model says that it is not installed", name, err)
		}
		if left, err := filepath.Glob(w.dirs.Package(name) + "/*"); err != nil || len(left) > 0 {
			w.fail("left over of %s: %v (%v)", name, left, err)
		}
		return
	}
	w.must(err)
	if diff := cmp.Diff(p.lines(), w.lines(info, p.folder(info.Revision))); diff != "" {
		w.fail("%s (-model +pkgd):\n%s", name, diff)
	}
	if n := countFolders(w.dirs.Package(name)); n > p.room+1 {
		w.fail("%d revisions of %s lie on the disk, and %d are to be kept", n, name, p.room)
	}
	w.knows(name, p.health)
}

func countFolders(dir string) (n int) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			n++
		}
	}
	return n
}

// lines is what can be seen of a package, a line each.
func (p *pack) lines() []string {
	list := []string{fmt.Sprintf("revision %d version %d held %v for a time %v asks %v", p.current, p.contentOf(p.current), p.held, p.until(), p.asks)}
	for rev, hand := range p.refused {
		list = append(list, fmt.Sprintf("refused %d by hand %v", rev, hand))
	}
	for _, rev := range p.before {
		if _, refused := p.refused[rev]; !refused {
			list = append(list, fmt.Sprintf("kept %d", rev))
		}
	}
	for key, value := range p.config[p.current] {
		list = append(list, "config "+key+"="+value)
	}
	slices.Sort(list)
	return append(list, "data "+strings.Join(p.data[p.folder(p.current)], " "))
}

// lines is the same as pkgd shows it.
func (w *world) lines(info api.PackageInfo, folder int) []string {
	w.Helper()
	list := []string{fmt.Sprintf("revision %d version %s held %v for a time %v asks %v", info.Revision, info.Version, info.Held, info.HeldUntil != nil, info.Question != "")}
	for _, r := range info.Revisions {
		switch r.State {
		case "refused":
			list = append(list, fmt.Sprintf("refused %d by hand %v", r.Revision, r.RefusedUntil == nil))
		case "kept":
			list = append(list, fmt.Sprintf("kept %d", r.Revision))
		}
	}
	ctx, cancel := w.ctx()
	defer cancel()
	raw, err := w.c.Config(ctx, info.Name, nil)
	w.must(err)
	doc := map[string]json.RawMessage{}
	w.must(json.Unmarshal(raw, &doc))
	for key, value := range doc {
		list = append(list, "config "+key+"="+string(value))
	}
	slices.Sort(list)
	return append(list, "data "+strings.Join(w.trail(info.Name, folder), " "))
}

func (w *world) trail(name string, folder int) []string {
	w.Helper()
	trail, err := os.ReadFile(filepath.Join(w.dirs.DataRevision(name, folder), "trail"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.must(err)
	}
	return strings.Fields(string(trail))
}

func (s *story) lines() []string {
	list := []string{fmt.Sprintf("%s %d → %d: %s", s.kind, s.from, s.to, s.outcome), fmt.Sprintf("asks %v restored %v", s.asks, s.restored)}
	if s.rule != "" {
		list = append(list, "rule "+s.rule)
	}
	if s.before != nil {
		list = append(list, "before "+s.before.status+" "+s.before.code)
	}
	if s.after != nil {
		list = append(list, "after "+s.after.status+" "+s.after.code)
	}
	return list
}

func linesOf(why api.Why, rule bool) []string {
	list := []string{fmt.Sprintf("%s %d → %d: %s", why.Kind, why.From, why.To, why.Outcome), fmt.Sprintf("asks %v restored %v", why.WantsPerson, why.DataRestored)}
	if rule {
		list = append(list, "rule "+why.Rule)
	}
	if why.Before != nil {
		list = append(list, "before "+why.Before.Status+" "+why.Before.Code)
	}
	if why.After != nil {
		list = append(list, "after "+why.After.Status+" "+why.After.Code)
	}
	return list
}
