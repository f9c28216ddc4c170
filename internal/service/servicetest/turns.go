package servicetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"pkgd.io/pkgd/internal/service"
)

// turns is about many who ask at once.
var turns = []scenario{
	{"however many ask at once, there is one instance", oneInstance},
	{"starts of different packages at once all succeed", packagesStartAtOnce},
	{"the embedded manager ends all services at shutdown, in reverse order; systemd's run on", shutdownEnds},
}

// alone is a script that says so when another instance of it lives.
const alone = `exec 9>$D/lock; flock -n 9 || echo twice >>$J; ` + forever

func oneInstance(h *house) {
	one, two := h.unit("a", alone), h.unitOf(pkg, 2, "a", alone)
	two.Env = one.Env // the same lock
	two.Confine = one.Confine
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 5 {
				units := []service.Unit{[]service.Unit{one, two}[(i+n)%2]}
				var err error
				switch (i + n) % 3 {
				case 0:
					err = h.m.Start(h.ctx, units)
				case 1:
					err = h.m.Restart(h.ctx, units)
				case 2:
					err = h.m.Stop(h.ctx, pkg, nil)
				}
				if err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h.start(one)
	h.wantState("a", service.Active)
	h.stop()
	h.said.quiet()
}

func packagesStartAtOnce(h *house) {
	var units []service.Unit
	for i := range 6 {
		units = append(units, h.unitOf(fmt.Sprintf("p%d", i), 1, "a", up("a")))
	}
	h.start(units...)
	for range units {
		h.said.want("a up")
	}
	all, err := h.m.Status(h.ctx, "")
	must(h.t, err)
	for _, s := range all {
		if s.State != service.Active {
			h.t.Errorf("unlikely status %+v", s)
		}
	}
}

func shutdownEnds(h *house) {
	unit := func(name string, after ...string) service.Unit {
		u := h.unit(name, `trap '`+say(name+" down")+`; exit 0' TERM; `+say(name+" $$")+`; `+forever)
		u.After = after
		return u
	}
	h.start(unit("a"))
	a := h.said.pid("a")
	h.start(unit("b", "a"))
	b := h.said.pid("b")
	must(h.t, h.m.Shutdown(h.ctx))
	if h.m.Kind() == service.Embedded {
		h.said.want("b down", "a down")
		h.wantGone(a)
		h.wantGone(b)
		return
	}
	h.said.quiet()
	for _, pid := range []int{a, b} {
		if _, err := os.Stat(filepath.Join("/proc", fmt.Sprint(pid))); err != nil {
			h.t.Errorf("a service did not outlive its manager: %v", err)
		}
	}
	if err := h.m.Ping(h.ctx); err == nil || !strings.Contains(err.Error(), "shut down") {
		h.t.Errorf("ping after shutdown: %v", err)
	}
}
