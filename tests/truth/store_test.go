package truth

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

func (w *world) store() string { return filepath.Join(w.top, "store") }

// offer puts a content of a package into the store.
func (w *world) offer(name string, v int) error {
	dir, err := tree(w.top, name, v)
	if err != nil {
		return err
	}
	file := filepath.Join(w.store(), fmt.Sprintf("%s_%d.pkg", name, v))
	if out, err := exec.Command(filepath.Join(bin, "pkgd"), "pack", dir, file).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// looksByItself starts a pkgd whose last look into the store was long ago, and
// sees through what that one does.
func (w *world) looksByItself(a answer) {
	w.Helper()
	w.signal(syscall.SIGTERM)
	st, err := state.Open(w.dirs.State(), state.Options{})
	w.must(err)
	st.Lock()
	st.Set("looked-for-updates", time.Now().AddDate(-2, 0, 0))
	st.Unlock()
	w.must(st.Close())
	w.prepare(deed{}, a)
	const done = "has looked for updates"
	looks := strings.Count(w.log.String(), done) + 1
	w.start()
	w.eventually("look for updates", func() bool { return strings.Count(w.log.String(), done) >= looks })
	ctx, cancel := w.ctx()
	defer cancel()
	list, err := w.c.Changes(ctx)
	w.must(err)
	for _, chg := range list {
		w.ended(chg.ID)
	}
}

// eventually asks again and again; the bound is there to end a hopeless history.
func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-over:
			w.fail("waited in vain: %s", what)
		}
	}
}

// serves waits for services that come up by themselves: those that have ended,
// and all after a start of the daemon.
func (w *world) serves(name string, p *pack) {
	w.Helper()
	if p.up && (p.runs().again || w.fresh) {
		w.eventually("start of the service of "+name, func() bool {
			return slices.Equal(w.serving(name), []string{strconv.Itoa(p.current)})
		})
	}
}

// adopt makes the model of a package what it has become in a transaction that
// failed, as far as that is left open.
func (w *world) adopt(p *pack, name string, f fate) {
	w.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	why, err := w.c.Why(ctx, name)
	w.must(err)
	if why.Rule != "transaction" && f.own != nil {
		*p = *f.own
		return
	}
	if why.Rule != "transaction" || why.Outcome != api.OutcomeReverted {
		w.fail("%s was taken back for another's sake, and its story says %s, %s", name, why.Rule, why.Outcome)
	}
	*p = *f.others
	p.why = nil
	if v, err := strconv.Atoi(why.ToVersion); err == nil && why.To > p.last {
		p.last, p.numbers[v] = why.To, why.To
	}
	was := p.data[p.folder(p.current)]
	is := w.trail(name, p.folder(p.current))
	old := strconv.Itoa(p.contentOf(p.current))
	for _, line := range is {
		if !slices.Contains(was, line) && line != "q"+old && line != "s"+old && !p.shared {
			w.fail("%s was taken back for another's sake, and its data have %q", name, line)
		}
	}
	if p.current != 0 {
		p.data[p.folder(p.current)] = is
	}
	now := slices.Collect(maps.Values(w.asides(name)))
	for _, it := range p.asides {
		if !slices.Contains(now, it) {
			w.fail("%s was taken back for another's sake, and %v is no longer set aside", name, it)
		}
	}
	p.asides = now
	info, err := w.c.Package(ctx, name)
	w.must(err)
	for _, r := range info.Revisions { // what it proved before the other failed is forgiven
		if _, refused := p.refused[r.Revision]; refused && r.State != "refused" {
			delete(p.refused, r.Revision)
		}
	}
	p.start()
}
